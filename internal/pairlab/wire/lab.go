package wire

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Release is which system a node's disk holds.
type Release uint8

// The releases.
const (
	OldRelease Release = iota + 1 // what is upgraded: "CentOS release 6.8 (Final)", a short host name, the cluster's software in service
	NewRelease                    // freshly installed: "CentOS Linux release 7.3.1611 (Core)", a full host name, nothing configured
)

func (r Release) String() string {
	switch r {
	case OldRelease:
		return "old"
	case NewRelease:
		return "new"
	default:
		return fmt.Sprintf("release(%d)", uint8(r))
	}
}

// MarshalText writes "old" or "new".
func (r Release) MarshalText() ([]byte, error) {
	if r != OldRelease && r != NewRelease {
		return nil, fmt.Errorf("cannot write %s", r)
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (r *Release) UnmarshalText(text []byte) error {
	switch string(text) {
	case "old":
		*r = OldRelease
	case "new":
		*r = NewRelease
	default:
		return fmt.Errorf("unknown release %q, want old or new", text)
	}
	return nil
}

// Target is one Lustre target on the storage that both nodes are cabled to.
type Target struct {
	UUID  string `json:"uuid"`  // its name for the hardware, such as "8c6ff2a8-…"
	Label string `json:"label"` // such as "testfs-MDT0000"
	Mount string `json:"mount"` // mount point, such as "/mnt/testfs-MDT0000"
	// a path below /dev appears in both nodes as a block special file; anything else (a zfs dataset) does not
	Device    string `json:"device"`
	Backfs    string `json:"backfs"`    // "ldiskfs" or "zfs"; of a disk with an ordinary file system its type, such as "ext4"
	Preferred int    `json:"preferred"` // which node it belongs on: 0 or 1
}

// Ordinary tells a disk with an ordinary file system from a Lustre target.
func (t Target) Ordinary() bool { return t.Backfs != "" && t.Backfs != "ldiskfs" && t.Backfs != "zfs" }

// PoolPrefix begins the name that a ZFS pool has on the storage, such as "zpool:ost0pool": it is imported as a target is
// mounted, and by two nodes at once is as much an accident.
const PoolPrefix = "zpool:"

// Pool is the name on the storage of the pool that a target lies in; empty when it lies in none.
func (t Target) Pool() string {
	if pool, _, dataset := strings.Cut(t.Device, "/"); dataset && pool != "" {
		return PoolPrefix + pool
	}
	return ""
}

// Behaviour is how the storage answers for one target.
type Behaviour struct {
	StartDelay time.Duration `json:"start_delay"` // how long a mount takes
	StopDelay  time.Duration `json:"stop_delay"`  // how long an unmount takes
	FailStart  bool          `json:"fail_start"`  // a mount fails, after its delay; the target stays unmounted
	FailStop   bool          `json:"fail_stop"`   // an unmount fails, after its delay; the target stays mounted
	HangStop   bool          `json:"hang_stop"`   // an unmount ends only when this is taken back or the power goes
}

// Node is what both ends know of one node.
type Node struct {
	Name  string    `json:"name"`  // full, such as "ct6-mds1.lfs.intl"
	Rings [2]string `json:"rings"` // its address on either ring, without a port
}

// Short is the name up to the first dot.
func (n Node) Short() string {
	short, _, _ := strings.Cut(n.Name, ".")
	return short
}

// Config is what a supervisor is started with.
type Config struct {
	Dir        string        `json:"dir"`   // the owner's directory: socket, logs
	Image      string        `json:"image"` // the tree that is the lower layer of both disks
	Nodes      [2]Node       `json:"nodes"`
	Outside    string        `json:"outside"` // the machine's own address on ring 0
	Targets    []Target      `json:"targets"`
	ByHand     bool          `json:"by_hand"`   // the old system is one that people made, without IML
	Services   bool          `json:"services"`  // the nodes are EL8 and EL9, and serve a web site and a database: no Lustre
	Behaviour  Behaviour     `json:"behaviour"` // of every target, until changed
	Post       time.Duration `json:"post"`      // from power back to the first instruction, after a fencing
	Authorized string        `json:"authorized"`
	RootKey    string        `json:"root_key"` // PEM: root's own key, the same in both nodes, so that they reach each other
}

// Request is what the owner asks of the supervisor. Three descriptors (stdin, stdout, stderr) come with "exec".
type Request struct {
	Op        string     `json:"op"`
	Node      string     `json:"node,omitempty"` // full or short name
	Argv      []string   `json:"argv,omitempty"`
	Rings     []int      `json:"rings,omitempty"`
	Daemons   []string   `json:"daemons,omitempty"`
	Release   Release    `json:"release,omitzero"`
	Target    string     `json:"target,omitempty"`
	Behaviour *Behaviour `json:"behaviour,omitempty"`
}

// The operations of the owner.
const (
	OpUp        = "up"        // make both disks and boot both nodes
	OpDown      = "down"      // power everything off and end
	OpExec      = "exec"      // run Argv on the node's console
	OpPowerOff  = "power-off" // cut the power
	OpPowerOn   = "power-on"  // and wait until the node has booted
	OpReset     = "reset"     // both
	OpWipe      = "wipe"      // cut the power, install Release on a blank disk, boot
	OpCut       = "cut"       // pull the cables Rings
	OpHeal      = "heal"      // plug them in again
	OpKill      = "kill"      // SIGKILL the Daemons
	OpTarget    = "target"    // Behaviour of Target
	OpStatus    = "status"    // of both nodes
	OpHostKeys  = "host-keys" // of Node's present disk
	OpTruth     = "truth"
	OpConsoleUp = "console-up" // wait until the node has booted
)

// Answer is what comes back for a Request.
type Answer struct {
	Error  string       `json:"error,omitempty"`
	Off    bool         `json:"off,omitempty"`  // the error is that the node has no power, or lost it
	Exit   int          `json:"exit,omitempty"` // of "exec": 128+N when signal N ended it
	Keys   []string     `json:"keys,omitempty"` // authorized_keys format
	Status []NodeStatus `json:"status,omitempty"`
	Truth  *Truth       `json:"truth,omitempty"`
}

// NodeStatus is one node as its hardware sees it.
type NodeStatus struct {
	Name    string  `json:"name"`
	Address string  `json:"address"` // on ring 0
	Power   string  `json:"power"`   // "on", "post" (power is back, not booting yet) or "off"
	Booted  bool    `json:"booted"`
	Release Release `json:"release"`
	Cut     []int   `json:"cut,omitempty"` // rings whose cable is pulled
}

// HardwareRequest is what a node asks of its hardware, by /run/lab/hw.sock.
type HardwareRequest struct {
	Op     string `json:"op"`               // "start", "stop", "mounted", "disks", "power", "reboot", "poweroff"
	Target string `json:"target,omitempty"` // UUID or pool, for start and stop
	Node   string `json:"node,omitempty"`   // full or short name, for power
	Action string `json:"action,omitempty"` // "off", "on", "reboot", "status", for power
}

// HardwareAnswer is what comes back.
type HardwareAnswer struct {
	OK      bool     `json:"ok"`
	Error   string   `json:"error,omitempty"`
	Mounted []string `json:"mounted,omitempty"` // UUIDs, and imported pools, for mounted
	Disks   []Target `json:"disks,omitempty"`   // what the labels on the disks say, for disks
	Power   string   `json:"power,omitempty"`   // "on" or "off", for power status
}

// InitRequest is what a node's PID 1 is asked. Three descriptors (stdin, stdout, stderr) come with Exec and Systemctl.
type InitRequest struct {
	Exec      []string `json:"exec,omitempty"`      // run this; it is killed when the connection ends
	Systemctl []string `json:"systemctl,omitempty"` // the arguments of a call of systemctl
	Kill      []string `json:"kill,omitempty"`      // SIGKILL every process with one of these names
}

// InitAnswer is what PID 1 answers.
type InitAnswer struct {
	Error string `json:"error,omitempty"` // nothing was run, or it was not known how it ended
	Exit  int    `json:"exit"`
}

// Unmarshal reads one message and refuses fields that the other side does not know: both ends are built together.
func Unmarshal(line []byte, into any) error {
	dec := json.NewDecoder(strings.NewReader(string(line)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("cannot read message %.200q: %w", line, err)
	}
	return nil
}
