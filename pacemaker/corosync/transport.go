package corosync

// Name is the name of the file, as the reader that it was parsed from gave it.
func (c *Conf) Name() string { return c.name }

// Transport is the transport that is in force (udp, udpu or knet), and how many rings or links it has. A file that names
// none and could be for either release counts as udp.
func (c *Conf) Transport() (transport string, rings int, err error) {
	totem, err := c.Totem()
	if err != nil {
		return "", 0, err
	}
	nodes, err := c.NodeList()
	if err != nil {
		return "", 0, err
	}
	return transportOf(totem, nodes), max(len(links(totem, nodes)), 1), nil
}

// LineOf is the line of a key in a section; 0 where the section does not have it.
func (s *Section) LineOf(key string) int {
	if item := s.find(key); item != nil {
		return item.line
	}
	return 0
}
