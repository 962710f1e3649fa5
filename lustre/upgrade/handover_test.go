package upgrade_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// twoNodes are nodes of which a test says what they answer. Time passes only when somebody waits.
type twoNodes struct {
	leases  map[string]*sshexec.SimLease
	t       *testing.T
	pair    *upgrade.Pair
	now     time.Time
	looks   int // at the mount table of node 2
	mounted func(look int) []string
	last    func(look int, resource string) string // the newest lrm_rsc_op of a resource on node 2; empty: it has no history
	agent   string                                 // of that history, as attributes; that of the resource when empty
	boot    int                                    // exit status of chkconfig
	stopped bool                                   // node 2's cluster is down
	service int                                    // exit status of service, when it is down: 3 when it is 0
	pools   string                                 // what zpool prints
	table   *string                                // what node 2's mount table is instead
	procs   func(look int) []string                // what runs there besides the system
	ps      *string                                // what ps prints instead
	devices string                                 // what lctl dl prints
	lctl    int                                    // its exit status
	modules string                                 // what is loaded
	back    bool                                   // it is node 1 that lets go, of its new cluster
	standby string
	oldRole string // of every target in the old cluster, until it is told; Stopped when empty
	half    bool   // it was put into standby, and its targets were not disabled
	oldID   string // the beginning of its id there
	told    int    // the look before which node 2 was told
	lost    int    // this look at the mount table is lost
	dark    bool   // every look at it is
	refused int    // so many of the changes on node 1 are refused
	cut     bool   // whoever waits a second is cut short
	role    map[string]string
	enabled []string // by the changes on node 1, in their order
}

func (n *twoNodes) Now() time.Time { return n.now }

func (n *twoNodes) Sleep(_ context.Context, d time.Duration) error {
	n.now = n.now.Add(d)
	if n.cut && d == time.Second {
		return context.Canceled
	}
	return nil
}

func (n *twoNodes) Runner(host string) (sshexec.Runner, error) {
	if n.leases[host] == nil {
		n.leases[host] = &sshexec.SimLease{}
	}
	return sshexec.WithSimLease(host, n.leases[host], sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err := n.answer(host, cmd)
		if err == nil && res.Outcome == evenkeel.Exited && res.ExitCode != 0 {
			err = sshexec.Failure(host, cmd, res, nil)
		}
		return res, err
	})), nil
}

func (n *twoNodes) answer(host string, cmd sshexec.Cmd) (sshexec.Result, error) {
	says := func(text string) (sshexec.Result, error) {
		return sshexec.Result{Outcome: evenkeel.Exited, Stdout: []byte(text)}, nil
	}
	exits := func(code int) (sshexec.Result, error) {
		return sshexec.Result{Outcome: evenkeel.Exited, ExitCode: code}, nil
	}
	switch line := strings.Join(cmd.Argv, " "); {
	case line == "cat /proc/mounts":
		if n.looks++; n.looks == n.lost || n.dark {
			res := sshexec.Result{Outcome: evenkeel.NotStarted}
			return res, sshexec.Failure(host, cmd, res, errBroken)
		}
		if n.table != nil {
			return says(*n.table)
		}
		table := strings.Builder{}
		table.WriteString("/dev/sda1 / ext4 rw 0 0\n")
		for _, dir := range n.mounted(n.looks) {
			fmt.Fprintf(&table, "/dev/x %s lustre ro 0 0\n", dir)
		}
		return says(table.String())
	case cmd.Argv[0] == "zpool":
		return says(n.pools)
	case cmd.Argv[0] == "chkconfig":
		return exits(n.boot)
	case line == "ps -e -o stat= -o args=" && n.ps != nil:
		return says(*n.ps)
	case line == "ps -e -o stat= -o args=":
		table := "Ss   /sbin/init\nS<   [kthreadd]\n"
		if n.procs != nil {
			for _, args := range n.procs(n.looks) {
				table += "D    " + args + "\n"
			}
		}
		return says(table + "R+   " + line + "\n")
	case line == "cat /proc/modules":
		return says(n.modules)
	case line == "lctl dl":
		return sshexec.Result{Outcome: evenkeel.Exited, ExitCode: n.lctl, Stdout: []byte(n.devices)}, nil
	case cmd.Argv[0] == "systemctl" && n.stopped:
		return says("inactive\ninactive\n")
	case cmd.Argv[0] == "service" && n.stopped:
		return exits(cmp.Or(n.service, 3))
	case cmd.Argv[0] == "service":
		return exits(0)
	case line == "cibadmin --query" && n.stopped && (host == lustretest.Node1) == n.back:
		return exits(102)
	case line == "cibadmin --query":
		return says(n.cib(host))
	case cmd.Argv[0] == "cibadmin" && n.back:
		n.enabled = append(n.enabled, host)
		return exits(0)
	case cmd.Argv[0] == "cibadmin" && host == lustretest.Node2:
		n.told, n.standby = n.looks, "on"
		return exits(0)
	case cmd.Argv[0] == "cibadmin" && n.refused > 0:
		n.refused--
		res := sshexec.Result{Outcome: evenkeel.NotStarted}
		return res, sshexec.Failure(host, cmd, res, errBroken)
	case cmd.Argv[0] == "cibadmin":
		var changed []string
		for _, t := range n.pair.Targets {
			if strings.Contains(cmd.Stdin.PlainText(), `id="`+t.Resource+`"`) {
				changed = append(changed, t.Resource)
				n.role[t.Resource] = "Started"
			}
		}
		n.enabled = append(n.enabled, strings.Join(changed, " "))
		return exits(0)
	}
	n.t.Errorf("nobody thought of %s", cmd)
	return exits(127)
}

func (n *twoNodes) cib(host string) string {
	var resources, status strings.Builder
	for _, t := range n.pair.Targets {
		role := "Stopped"
		switch {
		case host == lustretest.Node1:
			role = n.role[t.Resource]
		case (n.standby != "on" || n.half) && n.oldRole != "":
			role = n.oldRole
		}
		fmt.Fprintf(&resources, `<primitive id="%[1]s" class="ocf" provider="chroma" type="Target"><meta_attributes id="%[1]s-meta_attributes"><nvpair id="%[2]s%[1]s-meta_attributes-target-role" name="target-role" value="%[3]s"/></meta_attributes></primitive>`, t.Resource, n.oldID, role)
		if last := n.last(n.looks, t.Resource); last != "" {
			fmt.Fprintf(&status, `<lrm_resource id="%[1]s" %[2]s><lrm_rsc_op id="%[1]s_last_0" interval="0" %[3]s/></lrm_resource>`,
				t.Resource, cmp.Or(n.agent, `class="ocf" provider="chroma" type="Target"`), last)
		}
	}
	giver := "ct6-mds2"
	if n.back {
		giver = lustretest.Node1
	}
	return `<cib><configuration><crm_config/><nodes><node id="1" uname="ct6-mds1"/><node id="ct6-mds2" uname="ct6-mds2"><instance_attributes id="nodes-ct6-mds2"><nvpair id="nodes-ct6-mds2-standby" name="standby" value="` + n.standby + `"/></instance_attributes></node></nodes><resources>` +
		resources.String() + `</resources><constraints/></configuration><status><node_state id="2" uname="` + giver +
		`"><lrm id="2"><lrm_resources>` + status.String() + `</lrm_resources></lrm></node_state></status></cib>`
}

const (
	opStopped  = `operation="stop" call-id="9" rc-code="0" op-status="0"`
	opStopping = `operation="stop" call-id="-1" rc-code="193" op-status="-1"`
	opRunning  = `operation="start" call-id="8" rc-code="0" op-status="0"`
	opFailed   = `operation="stop" call-id="9" rc-code="1" op-status="4"`
)

// H8, H25, H26: a target is enabled on node 1 when it is proven gone from node 2, no sooner, and not much later: each
// part of the proof by itself.
func TestHandOver(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	const one, two = "MGS_32834e", "demo-MDT0000_802c1b"
	both := one + " " + two
	where := map[string]string{one: "/mnt/MGS", two: "/mnt/demo-MDT0000"}
	until := func(look int, dirs ...string) func(int) []string {
		return func(now int) []string {
			if now < look {
				return dirs
			}
			return nil
		}
	}
	always := func(op string) func(int, string) string { return func(int, string) string { return op } }
	for name, tt := range map[string]struct {
		set     func(*twoNodes)
		enabled []string // what was enabled, change by change
		fails   string
		looks   int // how many looks it takes at the least
	}{
		"gone":                                  {set: func(*twoNodes) {}, enabled: []string{both}},
		"gone, and cut short in the head start": {set: func(n *twoNodes) { n.cut = true }, enabled: []string{both}},
		"mounted for a while": {set: func(n *twoNodes) {
			n.mounted = until(7, where[one],
				where[two])
		}, enabled: []string{both}, looks: 7},
		"one longer than the other": {set: func(n *twoNodes) { n.mounted = until(9, where[two]) },
			enabled: []string{both}, looks: 9},
		"not in the mount table, yet not off": {set: func(n *twoNodes) { n.last = onceAt(11, opStopping, opStopped) },
			enabled: []string{both}, looks: 11},
		"the stop is not written down until it ends": {set: func(n *twoNodes) { n.last = onceAt(11, opRunning, opStopped) },
			enabled: []string{both}, looks: 11},
		"a stop that failed": {set: func(n *twoNodes) { n.last = always(opFailed) },
			fails: "not within the time allowed"},
		"one never comes free": {set: func(n *twoNodes) { n.mounted = func(int) []string { return []string{where[two]} } },
			enabled: []string{one}, fails: "not within the time allowed"},
		"one comes free late": {set: func(n *twoNodes) { n.mounted = until(300, where[two]) },
			enabled: []string{one, both}},
		"the pool is still imported": {set: func(n *twoNodes) {
			n.pair.Targets[0].Pool = "mgs"
			n.pools = "NAME\nrpool\nmgs\n"
		}, enabled: []string{two}, fails: "not within the time allowed"},
		"another pool": {set: func(n *twoNodes) { n.pair.Targets[0].Pool, n.pools = "mgs", "NAME\nrpool\n" }, enabled: []string{both}},
		"mounted again": {set: func(n *twoNodes) {
			n.mounted = func(look int) []string { return map[int][]string{2: {where[one]}}[look] }
		}, fails: "is mounted on ct6-mds2.lfs.intl again"},
		"not in standby":         {set: func(n *twoNodes) { n.standby = "off" }, fails: "is in standby"},
		"not disabled":           {set: func(n *twoNodes) { n.half, n.oldRole = true, "Started" }, fails: "is not disabled"},
		"it would start at boot": {set: func(n *twoNodes) { n.boot = 0 }, fails: "could start at boot"},
		"its cluster stopped":    {set: func(n *twoNodes) { n.stopped = true }, enabled: []string{both}},
		"its cluster stopped, mounted": {set: func(n *twoNodes) { n.stopped, n.mounted = true, until(5, where[one]) },
			enabled: []string{both}, looks: 5},
		"its cluster stopped, unmounting": {set: func(n *twoNodes) {
			n.stopped, n.procs = true,
				atWork(5, "umount /mnt/MGS")
		}, enabled: []string{both}, looks: 5},
		"its cluster stopped, unmounting all": {set: func(n *twoNodes) {
			n.stopped, n.procs = true, atWork(5, "umount -a -t lustre")
		}, enabled: []string{both}, looks: 5},
		"a stranger is mounted": {set: func(n *twoNodes) { n.mounted = func(int) []string { return []string{"/mnt/other"} } },
			fails: "no target of the plan"},
		"a look is lost": {set: func(n *twoNodes) { n.lost = 1 }, enabled: []string{both}},
		"node 2 does not answer": {set: func(n *twoNodes) { n.dark = true },
			fails: "switch it on: its old cluster does not start at boot"},
		"the change is refused": {set: func(n *twoNodes) { n.refused = 3 }, enabled: []string{both}},
		"its cluster stopped, one busy": {set: func(n *twoNodes) {
			n.stopped, n.mounted = true,
				func(int) []string { return []string{where[two]} }
		}, enabled: []string{one}, fails: "not within the time allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			n := s.twoNodes(t)
			n.pair.Config.Outage = 20 * time.Second
			tt.set(n)
			err := n.handOver()
			if tt.fails == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.fails)
			}
			require.Equal(t, tt.enabled, n.enabled)
			require.GreaterOrEqual(t, n.looks, tt.looks)
		})
	}
}

// A target that is just being started on node 2 shows in no mount table: node 2 is told to release it only when it has
// everything mounted and does nothing with it.
func TestLetGo(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	all := []string{"/mnt/MGS", "/mnt/demo-MDT0000"}
	for name, tt := range map[string]struct {
		set   func(*twoNodes)
		told  int // before which look
		fails string
	}{
		"steady":               {set: func(*twoNodes) {}, told: 1},
		"one is being started": {set: func(n *twoNodes) { n.mounted = func(look int) []string { return all[:min(2, 1+look/5)] } }, told: 5},
		"one is being stopped": {set: func(n *twoNodes) { n.last = onceAt(3, opRunning, opStopping) }, told: 1},
		"its stop is not over": {set: func(n *twoNodes) { n.last = func(int, string) string { return opStopping } }, fails: "is not steady"},
		"other ids":            {set: func(n *twoNodes) { n.oldID = "mine-" }, fails: "under another id"},
		"told before":          {set: func(n *twoNodes) { n.standby = "on" }},
		"nobody to tell":       {set: func(n *twoNodes) { n.stopped = true }},
	} {
		t.Run(name, func(t *testing.T) {
			n := &twoNodes{
				t: t, pair: s.pair, mounted: func(int) []string { return all }, last: func(int, string) string { return opRunning },
				boot: 1, standby: "off", oldRole: "Started", role: map[string]string{},
			}
			tt.set(n)
			book, err := s.pair.Runbook()
			require.NoError(t, err)
			err = n.play(book, "let-go")
			if tt.fails == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.fails)
			}
			require.Equal(t, tt.told, n.told)
		})
	}
}

// twoNodes are two of which one was told to release its targets, and has.
func (s *scene) twoNodes(t *testing.T) *twoNodes {
	pair := *s.pair
	pair.Targets, pair.Config.Outage = slices.Clone(pair.Targets), 6*time.Second
	n := &twoNodes{
		t: t, pair: &pair, now: time.Date(2018, 6, 12, 22, 0, 0, 0, time.UTC), mounted: func(int) []string { return nil },
		last: func(int, string) string { return opStopped },
		boot: 1, standby: "on", role: map[string]string{},
	}
	for _, target := range pair.Targets {
		n.role[target.Resource] = "Stopped"
	}
	return n
}

// handOver plays what follows when node 2 was told to release its targets.
func (n *twoNodes) handOver() error {
	book, err := n.pair.Runbook()
	require.NoError(n.t, err)
	actions := n.step(book).Actions
	told := &actions[slices.IndexFunc(actions, func(a evenkeel.Action) bool { return a.ID == "let-go" })] // it has been
	told.Op, told.Probe, told.Paper, told.Cmd = nil, nil, nil, sshexec.Command(sshexec.ReadOnly, "service", "pacemaker", "status")
	told.Expect.Check = func(evenkeel.Observed) error { return nil }
	return n.play(book, "let-go", "hand-over")
}

// giveBack plays the end of the rollback: node 1 was told to release its targets.
func (n *twoNodes) giveBack() error {
	book, err := n.pair.Runbook()
	require.NoError(n.t, err)
	n.step(book).Actions, n.step(book).Makes = n.step(book).Undo, nil
	return n.play(book, "released", "still-released", "give-back")
}

func (*twoNodes) step(book *evenkeel.Runbook) *evenkeel.Step {
	return &book.Steps[slices.IndexFunc(book.Steps, func(s evenkeel.Step) bool { return s.ID == "switch-over" })]
}

// play runs only some of the actions of the switch-over.
func (n *twoNodes) play(book *evenkeel.Runbook, ids ...string) error {
	book.Invariants, book.LeaseHosts = nil, nil
	step := *n.step(book)
	step.Needs, step.Opens, step.Closes, step.Verify, step.Undo, step.Harmless = nil, nil, nil, nil, nil, "a test"
	step.Actions = slices.DeleteFunc(slices.Clone(step.Actions), func(a evenkeel.Action) bool { return !slices.Contains(ids, a.ID) })
	book.Steps = []evenkeel.Step{step}
	n.leases = map[string]*sshexec.SimLease{}
	_, err := evenkeel.Run(n.t.Context(), book, n,
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: n, Serial: true, RunID: "t", Holder: "t"})
	return err
}

// onceAt is one thing before a look and another from then on.
func onceAt(look int, before, after string) func(int, string) string {
	return func(now int, _ string) string {
		if now < look {
			return before
		}
		return after
	}
}

// atWork is what runs before a look; from then on nothing does.
func atWork(until int, args ...string) func(int) []string {
	return func(look int) []string {
		if look < until {
			return args
		}
		return nil
	}
}
