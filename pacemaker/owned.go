package pacemaker

// clusterOwned are the properties that a cluster writes by itself or that the rebuild sets otherwise.
var clusterOwned = map[string]string{
	"cluster-infrastructure": "written by the cluster itself; openais and cman mean nothing to corosync 2 and later (H23)",
	"expected-quorum-votes":  "a key of the old corosync plugin; corosync 2 and later count the votes themselves (H23)",
	"dc-version":             "written by the cluster itself (H23)",
	"have-watchdog":          "written by the cluster itself",
	"last-lrm-refresh":       "a time stamp of the old cluster",
	"cluster-name":           "given by the cluster setup",
	"maintenance-mode":       "set by the rebuild, and ended at the switch-over",
}

// ClusterOwned says why a property of the cluster is not carried over into another one; false for one that is.
func ClusterOwned(property string) (why string, owned bool) {
	why, owned = clusterOwned[property]
	return why, owned
}

// nodeStates are attributes that say what a node did at the time of the backup, not how it is made (H11).
var nodeStates = map[string]string{
	"standby":     "the rebuilt node would stay in standby (H11)",
	"maintenance": "the rebuilt node would stay in maintenance (H11)",
	"terminate":   "the rebuilt node would be fenced (H11)",
}

// NodeState says why an attribute of a node is not carried over into another cluster; false for one that is.
func NodeState(attribute string) (why string, state bool) {
	why, state = nodeStates[attribute]
	return why, state
}
