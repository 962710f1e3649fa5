package pacemaker

import "errors"

// What an exit status of the cluster's tools means. Branch with errors.Is on what Judge of package pcs's Meaning returns.
var (
	// ErrClusterDown says that the cluster does not run on the node that was asked.
	ErrClusterDown error = passing("the cluster does not run on this node")
	// ErrNothingDone says that a command exited 0 without doing what it was asked (H4, H19).
	ErrNothingDone = errors.New("the command exited 0 but did nothing")
	// ErrAbsentNode says that a node is no member (H7).
	ErrAbsentNode = errors.New("the node is no member of the cluster")
	// ErrLeftovers says that a machine holds files of another cluster (H6).
	ErrLeftovers = errors.New("the machine has files of another cluster")
	// ErrNotAuthorised says that pcsd does not trust the caller.
	ErrNotAuthorised = errors.New("pcsd does not trust the caller")
	// ErrOutdated says that the cluster has a newer configuration than the one that was to replace it.
	ErrOutdated = errors.New("the cluster has a newer configuration")
	// ErrInvalid says that a change does not conform to the schema.
	ErrInvalid = errors.New("the configuration would not be valid")
	// ErrNoQuorum says that the partition has no quorum.
	ErrNoQuorum error = passing("the partition has no quorum")
	// ErrCommandFailed stands for every other failure.
	ErrCommandFailed = errors.New("the command failed")
)

// passing is an error that may be over when one looks again.
type passing string

func (e passing) Error() string { return string(e) }

// Passing tells whoever waits that looking again may show something else.
func (e passing) Passing() bool { return true }
