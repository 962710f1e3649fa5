package pacemaker

import "github.com/beevik/etree"

// FenceEvent is one time that a node was fenced, or should have been (crm_mon --fence-history, stonith_admin --history).
type FenceEvent struct {
	Action    string   `cib:"action"` // reboot, off, on
	Target    string   `cib:"target"` // the node
	Delegate  string   `cib:"delegate"`
	Client    string   `cib:"client"`
	Origin    string   `cib:"origin"`
	Status    string   `cib:"status"` // success, failed, pending
	Detail    string   `cib:"extended-status"`
	Reason    string   `cib:"exit-reason"`
	Completed string   `cib:"completed"` // as written; empty while it is pending
	Other     []NVPair `cib:"*"`
}

// TicketStatus is a ticket of a site.
type TicketStatus struct {
	ID          string   `cib:"id"`
	Status      string   `cib:"status"`       // granted, revoked
	Standby     string   `cib:"standby"`      // true, false
	LastGranted string   `cib:"last-granted"` // as written
	Other       []NVPair `cib:"*"`
}

// ResourceHistory is what a resource did on a node.
type ResourceHistory struct {
	Node        string
	Resource    string            `cib:"id"`
	Orphan      string            `cib:"orphan"`
	Threshold   string            `cib:"migration-threshold"`
	FailCount   string            `cib:"fail-count"` // empty is none; INFINITY after a failed start
	LastFailure string            `cib:"last-failure"`
	Operations  []OperationResult `cib:"<operation_history"`
	Other       []NVPair          `cib:"*"`
}

// OperationResult is one operation that ran.
type OperationResult struct {
	Call     string   `cib:"call"`
	Task     string   `cib:"task"`     // start, stop, monitor, probe …
	Interval string   `cib:"interval"` // as written: "5000ms"
	Changed  string   `cib:"last-rc-change"`
	Code     string   `cib:"rc"`
	Text     string   `cib:"rc_text"`
	ExecTime string   `cib:"exec-time"`
	Other    []NVPair `cib:"* last-run queue-time"`
}

// records reads the lists that crm_mon prints when it is asked for them. Attributes that later versions add are kept in Other.
func (p *statusReader) records(root *etree.Element) {
	s, none := p.status, &CIB{} // an answer has no references to follow
	for _, list := range root.SelectElements("fence_history") {
		for _, e := range list.SelectElements("fence_event") {
			p.require(e, "action", "target")
			s.Fencing = append(s.Fencing, viewOf[FenceEvent](none, e))
		}
	}
	for _, list := range root.SelectElements("tickets") {
		for _, e := range list.SelectElements("ticket") {
			p.require(e, "id")
			s.Tickets = append(s.Tickets, viewOf[TicketStatus](none, e))
		}
	}
	for _, list := range root.SelectElements("node_history") {
		for _, node := range list.SelectElements("node") {
			for _, e := range node.SelectElements("resource_history") {
				p.require(e, "id")
				h := viewOf[ResourceHistory](none, e)
				h.Node = node.SelectAttrValue("name", "")
				s.History = append(s.History, h)
			}
		}
	}
}
