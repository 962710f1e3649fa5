package pacemaker

import "fmt"

// The ids that pcs gives to what it makes. IML looks for its constraints by id (H9), so ids matter to people even where they mean
// nothing to Pacemaker. An id that is taken gets -1, -2 … ; see [CIB.FreeID].

// OperationID is the id of an operation: R-monitor-interval-60s.
func OperationID(resource, name, interval string) string {
	if interval == "" {
		interval = "0s"
	}
	return sanitizeID(fmt.Sprintf("%s-%s-interval-%s", resource, name, interval))
}

// LocationID is the id of a location constraint of the plain form: location-R-NODE-20.
func LocationID(resource, node string, score Score) string {
	return sanitizeID(fmt.Sprintf("location-%s-%s-%s", resource, node, score))
}

// OrderID is the id of an ordering constraint: order-A-B-mandatory, order-A-B-Optional.
func OrderID(o Order) string {
	kind := o.Kind
	if kind == "" || kind == "Mandatory" { // what pcs says when nobody does
		kind = "mandatory"
	}
	return sanitizeID(fmt.Sprintf("order-%s-%s-%s", o.First, o.Then, kind))
}

// ColocationID is the id of a colocation constraint: colocation-A-B-INFINITY.
func ColocationID(o Colocation) string {
	return sanitizeID(fmt.Sprintf("colocation-%s-%s-%s", o.Resource, o.With, o.Score))
}

// FreeID is the id when it is free, else the id with the first of -1, -2 … that is.
func (c *CIB) FreeID(id string) string { return c.freeID(sanitizeID(id)) }

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
