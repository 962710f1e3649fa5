package cli

// Placed is a mistake in a YAML file of a binary's own as every other mistake in an input: file:line: what. No value of
// the file is quoted.
func Placed(path string, err error) error { return placed(path, err, nil) }
