package corosync

// Quorum is the quorum section: https://manpages.debian.org/votequorum.5
type Quorum struct {
	Provider          string
	ExpectedVotes     int
	Votes             int
	TwoNode           bool
	WaitForAll        bool // also when the file does not say it but two_node, which switches it on
	AutoTieBreaker    bool
	TieBreakerNode    string // auto_tie_breaker_node: lowest, highest, or a list of ids
	LastManStanding   bool
	LastManWindow     int // ms
	AllowDownscale    bool
	Device            *QuorumDevice // nil without
	Other             []Pair
	waitForAllWritten bool
}

// QuorumDevice is a third vote: https://manpages.debian.org/corosync-qdevice.8
type QuorumDevice struct {
	Line        int
	Model       string // net
	Votes       int
	Timeout     int // ms
	SyncTimeout int // ms
	MasterWins  bool
	Net         QuorumNet
	Heuristics  QuorumHeuristics
	Other       []Pair
}

// QuorumNet is the server that gives the vote.
type QuorumNet struct {
	Host           string
	Port           int    // TCP; 0 is 5403
	Algorithm      string // ffsplit, lms, 2nodelms
	TieBreaker     string // lowest, highest, or an id
	TLS            string // on, off, required
	ConnectTimeout int    // ms
	Other          []Pair
}

// QuorumHeuristics are programs that say whether this half is worth keeping.
type QuorumHeuristics struct {
	Mode        string // on, off, sync
	Interval    int    // ms
	Timeout     int    // ms
	SyncTimeout int    // ms
	Programs    []Pair // exec_NAME, in the order of the file
	Other       []Pair
}

// defaultQnetdPort is the port of corosync-qnetd.
const defaultQnetdPort = 5403

// Quorum reads the quorum section; it is the zero value when there is none.
func (c *Conf) Quorum() (Quorum, error) {
	if c.empty() {
		return Quorum{}, errNoConf
	}
	r := fieldReader{conf: c}
	var q Quorum
	for _, s := range c.Root.Sections("quorum") {
		r.section(s, &q.Other, fields{
			"provider": &q.Provider, "expected_votes": &q.ExpectedVotes, "votes": &q.Votes, "two_node": &q.TwoNode, "wait_for_all": &q.WaitForAll,
			"auto_tie_breaker": &q.AutoTieBreaker, "auto_tie_breaker_node": &q.TieBreakerNode, "last_man_standing": &q.LastManStanding,
			"last_man_standing_window": &q.LastManWindow, "allow_downscale": &q.AllowDownscale,
		})
		if _, written := s.Get("wait_for_all"); written {
			q.waitForAllWritten = true
		}
		for _, d := range s.Sections("device") {
			device := r.device(d)
			q.Device = &device
		}
	}
	if q.TwoNode && !q.waitForAllWritten {
		q.WaitForAll = true
	}
	return q, r.errs.Err()
}

func (r *fieldReader) device(s *Section) QuorumDevice {
	d := QuorumDevice{Line: s.Line}
	r.section(s, &d.Other, fields{"model": &d.Model, "votes": &d.Votes, "timeout": &d.Timeout,
		"sync_timeout": &d.SyncTimeout, "master_wins": &d.MasterWins})
	for _, n := range s.Sections("net") {
		r.section(n, &d.Net.Other, fields{
			"host": &d.Net.Host, "port": &d.Net.Port, "algorithm": &d.Net.Algorithm, "tie_breaker": &d.Net.TieBreaker,
			"tls": &d.Net.TLS, "connect_timeout": &d.Net.ConnectTimeout,
		})
	}
	for _, h := range s.Sections("heuristics") {
		var rest []Pair
		r.section(h, &rest, fields{"mode": &d.Heuristics.Mode, "interval": &d.Heuristics.Interval,
			"timeout": &d.Heuristics.Timeout, "sync_timeout": &d.Heuristics.SyncTimeout})
		for _, p := range rest {
			if len(p.Name) > len("exec_") && p.Name[:len("exec_")] == "exec_" {
				d.Heuristics.Programs = append(d.Heuristics.Programs, p)
			} else {
				d.Heuristics.Other = append(d.Heuristics.Other, p)
			}
		}
	}
	return d
}
