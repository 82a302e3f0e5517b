"""Stage two: embeddings become per-frame behavior probabilities.

The flow: recordings arrive as `windows.FeatureSequence` (features, targets, what was scored); `tasks` holds what
a head says of a frame (targets, loss, last layer, monitor), `heads` one network per file, and neither knows of the
other; `windows` cuts recordings into windows of fixed length with a mask and stitches predictions back; `training`
fits one head and returns an `inference.TrainedHead`; `bundle` writes that to a folder and reads it back.

Importing this package, or any of its modules, does not import TensorFlow: it is imported when a network is
built.
"""
