// Package pair knows what a runbook for a two-node Pacemaker cluster has to know of what the cluster runs, whatever
// that is: an NFS server, a database, addresses, file systems, or what a user's own agent makes.
//
// A [Profile] says it for one kind of resource: what shows that a node holds it, what must be on a node before it may
// start there, and what users call it. [Builtin] are those of the usual agents; [Profiles] with more of a user's own are
// built by [Builtin].With. [Units] reads a CIB by profiles: what is moved as one, because it is a group, or because a
// constraint ties it together.
//
// While a pair is upgraded by way of two clusters, neither fences for the other. So a unit may start in the new cluster
// only when it is proven gone from the node of the old one. Gone is what every [Look] of every resource in it says, and
// nothing else is: an output that is empty, cut off, or of a form that is not known is an error, never "gone". A
// resource that no profile knows, or whose profile has no proof, is moved only when the old cluster was told to stop it, has
// recorded that it did, and has stopped as a whole; [Unit.Unproven] says why. What no record would show (a bundle, a clone
// whose copies may move or are of an unknown agent) leaves the way offline.
//
// A node's looks tell what the node serves, and not whether clients reach it: the firewall of a new system is the site's.
// Releases of Debian, tickets and secrets in the arguments of a site's provisioning are refused.
//
// [Ways] says which of the four ways leads to another release, with the outage that each costs.
package pair
