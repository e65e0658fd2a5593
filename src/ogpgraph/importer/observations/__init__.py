"""From observations of a source to commands: what each observation adds to the record, given all earlier ones."""
