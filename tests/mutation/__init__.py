"""Mutation testing of what a secret's life hangs on: do the tests notice when the code is changed?"""
