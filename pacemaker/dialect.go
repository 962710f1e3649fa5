package pacemaker

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel/internal/op"
)

// Dialect knows the command of each operation in one generation of pcs. The node that an operation runs on is left empty where the
// command itself does not decide it.
type Dialect interface {
	// Name is the generation, such as "pcs 0.9".
	Name() string

	// Auth makes nodes trust each other's pcsd; it asks for the hacluster password.
	Auth(nodes ...string) Operation
	// Setup makes a new cluster of one node.
	Setup(s ClusterSetup) (Operation, error)
	// ClusterStart, ClusterEnable and ClusterDisable work on the local node when node is empty.
	ClusterStart(node string) Operation
	ClusterEnable(node string) Operation
	ClusterDisable(node string) Operation
	// NodeAdd adds a node to the running cluster.
	NodeAdd(node string, start bool) Operation
	// Standby and Unstandby work on the local node when node is empty.
	Standby(node string) Operation
	Unstandby(node string) Operation

	// SetProperty sets one cluster property.
	SetProperty(p NVPair) Operation
	// Maintenance switches maintenance-mode.
	Maintenance(on bool) Operation
	// SetResourceDefault and SetOperationDefault set one default.
	SetResourceDefault(p NVPair) Operation
	SetOperationDefault(p NVPair) Operation
	// SetNodeAttributes sets permanent attributes of a node in the given order: one operation or more.
	SetNodeAttributes(node string, pairs []NVPair) []Operation

	// CreateStonith and CreateResource make a primitive from its agent, parameters, operations and meta attributes.
	CreateStonith(r Resource) Operation
	CreateResource(r Resource, disabled bool) Operation
	// PreferNode adds a location constraint; which id it gets is the dialect's choice.
	PreferNode(resource, node string, score Score) Operation
	// EnableResource and DisableResource set whether a resource may run.
	EnableResource(id string) Operation
	DisableResource(id string) Operation

	// RelocateShow tells what RelocateRun would move; RelocateRun moves every resource to the node it prefers.
	RelocateShow() Operation
	RelocateRun() Operation
}

// ClusterSetup is what a new cluster is made of.
type ClusterSetup struct {
	Name          string
	Node          string // fully qualified
	RRPMode       string
	Rings         []Interface
	Token         int // ms
	FailRecvConst int // lost messages; 0 leaves corosync's default
}

// PCS09 is pcs 0.9: the only one for corosync 1 and 2 with Pacemaker 1.1, on EL6 and EL7. It is the dialect of the guide.
var PCS09 Dialect = pcs09{}

// unsupported collects what a rebuild cannot express; it is never left out silently.
type unsupported []string

func (u *unsupported) add(format string, args ...any) { *u = append(*u, fmt.Sprintf(format, args...)) }

func operation(name, ref string, effect op.Effect, repeat op.Repeat, argv ...string) Operation {
	return Operation{Name: name, Argv: argv, Effect: effect, Repeat: repeat, Ref: ref}
}
