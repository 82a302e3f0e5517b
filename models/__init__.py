"""Stage two: embeddings become per-frame behavior probabilities.

The flow: recordings arrive as `windows.Sequence` (embeddings, labels, what was scored);
`windows` cuts them into windows of fixed length with a mask and stitches predictions back;
`class_weights` balances positives and negatives by the training recordings alone;
`heads` holds one network per file; `training` fits one head for one behavior and returns an
`inference.TrainedHead`; `bundle` writes that to a folder and reads it back.

Importing this package, or any of its modules, does not import TensorFlow: it is imported when a network is
built.
"""
