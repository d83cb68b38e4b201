"""The families of wire formats, written and read without using code of the gate."""
