"""Mutation testing of the security-critical code: do tests fail when it is changed?"""
