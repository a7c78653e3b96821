"""Video on a CPU: probing, fingerprints, quality, provenance, cutting. Everything that decodes does so in a child process.

``isolate`` starts and limits the children, ``child`` is what runs in them, ``wire`` is how they talk (JSON and raw arrays, no pickle).
Only modules of this package import av and cv2.
"""
