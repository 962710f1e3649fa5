package mongo

// Kind is what a CPS replica set is for (cps:729-749).
type Kind string

// The kinds of replica sets.
const (
	KindAdmin     Kind = "ADMIN"
	KindAudit     Kind = "AUDIT"
	KindBalance   Kind = "BALANCE"
	KindReporting Kind = "REPORTING"
	KindSession   Kind = "SESSION"
	KindSPR       Kind = "SPR"
)

// kinds are the sets of the guide's example: name and port of each kind.
var kinds = []struct {
	kind Kind
	set  string
	port int
	big  bool
}{
	{KindAdmin, "set06", 27721, false},
	{KindAudit, "set05", 27017, false},
	{KindBalance, "set02", 27718, true},
	{KindReporting, "set03", 27719, true},
	{KindSession, "set01", 27717, false},
	{KindSPR, "set04", 27720, true},
}

// Kinds are all kinds in the order of the guide's table.
func Kinds() []Kind {
	ks := make([]Kind, len(kinds))
	for i, k := range kinds {
		ks[i] = k.kind
	}
	return ks
}

// Example is the set name and port that the guide's deployment gives the kind; ok is false for an unknown kind. A real
// deployment has what its mongoConfig.cfg says.
func (k Kind) Example() (set string, port int, ok bool) {
	i := k.index()
	if i < 0 {
		return "", 0, false
	}
	return kinds[i].set, kinds[i].port, true
}

// Huge tells whether the guide counts the kind among the huge databases whose members may come back RECOVERING when an
// upgrade is made under live traffic (cps:1386).
func (k Kind) Huge() bool {
	_, _, known := k.Example()
	return known && kinds[k.index()].big
}

func (k Kind) index() int {
	for i, e := range kinds {
		if e.kind == k {
			return i
		}
	}
	return -1
}
