package pacemaker

// Location is an rsc_location: how much a resource wants to run on a node (PCM-004).
type Location struct {
	ID        string        `cib:"id"`
	Resource  string        `cib:"rsc"`         // empty when Pattern or Sets name the resources
	Pattern   string        `cib:"rsc-pattern"` // a POSIX regular expression over resource ids, with ! in front of what must not match
	Node      string        `cib:"node"`        // empty when a rule names the nodes
	Score     string        `cib:"score"`       // as written: "20", "INFINITY"; see [ParseScore]
	Role      string        `cib:"role"`
	Discovery string        `cib:"resource-discovery"` // always, never, exclusive
	Rules     []Rule        `cib:"<rule"`
	Lifetime  []Rule        `cib:"<lifetime<rule"` // the form before rules had dates
	Sets      []ResourceSet `cib:"<resource_set"`
	Other     []NVPair      `cib:"*"` // XML attributes that no schema names
}

// Plain says whether the constraint is of the simple form: one resource, one node, one score.
func (l Location) Plain() bool {
	return l.Resource != "" && l.Pattern == "" && l.Node != "" && l.Role == "" && l.Discovery == "" &&
		len(l.Rules) == 0 && len(l.Lifetime) == 0 && len(l.Sets) == 0 && len(l.Other) == 0
}

// ResourceSet is a set inside a constraint.
type ResourceSet struct {
	ID        string   `cib:"id"`
	Resources []string `cib:"<resource_ref@id"`
	Options   []NVPair `cib:"* action kind ordering require-all role score sequential"` // these have no ID
}

// Order is an rsc_order: what starts before what.
type Order struct {
	ID          string        `cib:"id"`
	First       string        `cib:"first"`
	Then        string        `cib:"then"`
	FirstAct    string        `cib:"first-action"`
	ThenAct     string        `cib:"then-action"`
	Kind        string        `cib:"kind"` // Mandatory, Optional, Serialize; empty when a score stands instead
	Score       string        `cib:"score"`
	Symmetrical string        `cib:"symmetrical"`
	RequireAll  string        `cib:"require-all"`
	Lifetime    []Rule        `cib:"<lifetime<rule"`
	Sets        []ResourceSet `cib:"<resource_set"`
	Other       []NVPair      `cib:"*"`
}

// Colocation is an rsc_colocation: what runs where something else runs.
type Colocation struct {
	ID            string        `cib:"id"`
	Resource      string        `cib:"rsc"`
	With          string        `cib:"with-rsc"`
	Score         string        `cib:"score"`
	ScoreBy       string        `cib:"score-attribute"`        // of the oldest schemas: a node attribute that holds the score
	ScoreByMangle string        `cib:"score-attribute-mangle"` // the same, with the name of the resource in its name
	Role          string        `cib:"rsc-role"`
	WithRole      string        `cib:"with-rsc-role"`
	NodeAttribute string        `cib:"node-attribute"` // what "the same place" means; #uname when empty
	Influence     string        `cib:"influence"`
	Lifetime      []Rule        `cib:"<lifetime<rule"`
	Sets          []ResourceSet `cib:"<resource_set"`
	Other         []NVPair      `cib:"*"`
}

// Ticket is an rsc_ticket: what needs a ticket of a site.
type Ticket struct {
	ID         string        `cib:"id"`
	Ticket     string        `cib:"ticket"`
	Resource   string        `cib:"rsc"`
	Role       string        `cib:"rsc-role"`
	LossPolicy string        `cib:"loss-policy"` // stop, demote, fence, freeze
	Sets       []ResourceSet `cib:"<resource_set"`
	Other      []NVPair      `cib:"*"`
}

// Locations are the location constraints in the order of the document.
func (c *CIB) Locations() []Location { return viewsIn[Location](c, "constraints", "rsc_location") }

// Orders are the ordering constraints.
func (c *CIB) Orders() []Order { return viewsIn[Order](c, "constraints", "rsc_order") }

// Colocations are the colocation constraints.
func (c *CIB) Colocations() []Colocation {
	return viewsIn[Colocation](c, "constraints", "rsc_colocation")
}

// Tickets are the ticket constraints.
func (c *CIB) Tickets() []Ticket { return viewsIn[Ticket](c, "constraints", "rsc_ticket") }
