package cli

// ParseFleet reads the keys of a fleet file, and nothing that it names.
func ParseFleet(path string) error {
	var f fleetFile
	return ReadYAML(path, &f)
}
