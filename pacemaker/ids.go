package pacemaker

import "fmt"

// operationID is the id that pcs gives an operation: R-monitor-interval-60s.
func operationID(resource, name, interval string) string {
	if interval == "" {
		interval = "0s"
	}
	return sanitizeID(fmt.Sprintf("%s-%s-interval-%s", resource, name, interval))
}

// freeID is id, or id with a number when it is taken.
func (c *CIB) freeID(id string) string {
	free := id
	for n := 1; c.byID(free) != nil; n++ {
		free = fmt.Sprintf("%s-%d", id, n)
	}
	return free
}

// sanitizeID makes an XML id of a text: what cannot stand in one becomes a full stop, as in Pacemaker.
func sanitizeID(s string) string {
	clean := []byte(s)
	for i, b := range clean {
		if b < 0x80 && (!isNameByte(b) || b == ':') {
			clean[i] = '.'
		}
	}
	if len(clean) > 0 && !isName(string(clean[:1])) && clean[0] < 0x80 {
		return "_" + string(clean)
	}
	return string(clean)
}
