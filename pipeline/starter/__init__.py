"""From a lab's folder to a table of recordings and a first experiment: what lies there (`lab_folder`), what belongs
together by name (`pairing`), what that makes (`findings`, `table`, `starter_yaml`)."""
