package corosync

import (
	"encoding/json"

	"github.com/evenkeel-ha/evenkeel/internal/secretname"
)

// Setup is what a new cluster is made of: pcs makes its corosync.conf.
type Setup struct {
	Name      string
	Nodes     []Member
	Transport string // udp, udpu or knet; empty is udp
	// RRPMode is how several rings are used: passive or active. It becomes knet's link_mode.
	RRPMode       string
	Rings         []Interface // rings of udp, links of knet
	Token         int         // ms
	FailRecvConst int         // lost messages; 0 leaves corosync's default
	Cipher, Hash  string      // of knet: "aes256", "sha256"; empty leaves pcs's default, which encrypts; "none" does not
}

// Member is a node of a new cluster.
type Member struct {
	Name string // fully qualified
	// Addresses has one address for each ring or link. pcs 0.9 takes them for udpu only; without any, pcs finds one by the name.
	Addresses []string
}

// DefaultPort is corosync's UDP port where none is named.
const DefaultPort = 5405

// MaxLinks is how many links knet can have.
const MaxLinks = 8

// Pair is a key and its value. String, GoString and JSON mask the value of a secret; the field holds it.
type Pair struct{ Name, Value string }

// String is "name=value", masked for a secret.
func (p Pair) String() string { return p.Name + "=" + secretname.Masked(p.Name, p.Value) }

// GoString is String: %#v must not print a password either.
func (p Pair) GoString() string { return p.String() }

// MarshalJSON masks the value of a secret.
func (p Pair) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"name": p.Name, "value": secretname.Masked(p.Name, p.Value)})
}
