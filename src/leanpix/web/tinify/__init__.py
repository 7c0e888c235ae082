"""The endpoints that clients of the Tinify API call: the same use cases in other words.

routes: what is served; commands: what may be asked; bodies: how it arrives; answers: how it is told; access: whose
key; turns: waiting for a key's rate instead of refusing.
"""
