//go:build integration

package upgrade_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// oracle asks crm_simulate, after each change of a simulated cluster, where everything will run, and lets a clone of the world go on
// until it is there.
type oracle struct {
	t       *testing.T
	before  map[string]string // the CIB of each node, as it was asked about last
	asked   int
	skipped map[string]int // what could not be compared, by why

	schedule uint64
}

func (o *oracle) String() string { return fmt.Sprintf("%d asked, left out: %v", o.asked, o.skipped) }

// after is what looks after each command.
func (o *oracle) after(w *lustretest.Pair) func(string, sshexec.Cmd, sshexec.Result) {
	return func(host string, cmd sshexec.Cmd, _ sshexec.Result) {
		o.look(w, host+" "+strings.Join(cmd.Argv[:min(len(cmd.Argv), 6)], " "))
	}
}

// look compares both clusters of a world.
func (o *oracle) look(w *lustretest.Pair, after string) {
	for _, host := range []string{lustretest.Node1, lustretest.Node2} {
		now := w.Clone()
		cib, ok := answer(o.t, now, host, "cibadmin", "--query")
		if !ok || o.before[host] == cib {
			continue
		}
		if o.before == nil {
			o.before = map[string]string{}
		}
		o.before[host] = cib
		online := members(o.t, cib)
		now.Advance(5 * time.Minute)
		then, ok := answer(o.t, now, host, "cibadmin", "--query")
		if !ok || !slices.Equal(online, members(o.t, then)) {
			o.skipped["members come and go"]++
			continue
		}
		mon, ok := answer(o.t, now, host, "crm_mon", "-1", "--as-xml")
		if !ok {
			o.skipped["no status"]++
			continue
		}
		if strings.Contains(mon, `unclean="true"`) { // there it would have been fenced
			o.skipped["a node cannot be fenced"]++
			continue
		}
		o.asked++
		want, got := predicted(o.t, cib), running(o.t, mon)
		if !slices.Equal(want, got) {
			o.t.Errorf("schedule %d, after %q, in the cluster of %s: crm_simulate %v, the world %v", o.schedule, after, host, want, got)
		}
	}
}

func answer(t *testing.T, w *lustretest.Pair, host string, argv ...string) (text string, ok bool) {
	t.Helper()
	r, err := w.Runner(host)
	require.NoError(t, err)
	res, err := r.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, argv...))
	return string(res.Stdout), err == nil
}

// members are the nodes that are members by a CIB.
func members(t *testing.T, text string) (names []string) {
	t.Helper()
	var doc struct {
		States []struct {
			Name    string `xml:"uname,attr"`
			Member  string `xml:"in_ccm,attr"`
			Process string `xml:"crmd,attr"`
			Join    string `xml:"join,attr"`
		} `xml:"status>node_state"`
	}
	require.NoError(t, xml.Unmarshal([]byte(text), &doc))
	for _, s := range doc.States {
		names = append(names, fmt.Sprint(s))
	}
	slices.Sort(names)
	return names
}

// running are the active resources by crm_mon, as "id on node".
func running(t *testing.T, text string) (all []string) {
	t.Helper()
	st, err := pacemaker.ParseStatus(strings.NewReader(text))
	require.NoError(t, err)
	for _, r := range st.Resources {
		for _, n := range r.Nodes {
			id, _, _ := strings.Cut(r.ID, ":")
			all = append(all, id+" on "+n)
		}
	}
	slices.Sort(all)
	return all
}

// predicted is the same by crm_simulate.
func predicted(t *testing.T, cib string) (all []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "crm_simulate", "--simulate", "--output-as=xml", "--xml-pipe")
	cmd.Stdin = strings.NewReader(cib)
	out, err := cmd.Output()
	require.NoError(t, err, "%s", out)
	dec := xml.NewDecoder(bytes.NewReader(out))
	revised, resource := false, ""
	for {
		tok, err := dec.Token()
		if err != nil {
			break
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "revised_cluster_status":
			revised = true
		case "resource":
			resource, _, _ = strings.Cut(attr(start, "id"), ":")
		case "node":
			if revised && resource != "" {
				all = append(all, resource+" on "+attr(start, "name"))
			}
		case "nodes":
			resource = ""
		}
	}
	slices.Sort(all)
	return all
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// The simulated clusters put everything where Pacemaker's own scheduler would, after every change in the straight run of each kind of
// site, and in runs with a fault at a random command:
//
//	EVENKEEL_SCHEDULES=500 go test -tags integration -run TestPlacedAsCrmSimulateSays -timeout 3h -v ./lustre/upgrade
func TestPlacedAsCrmSimulateSays(t *testing.T) {
	if _, err := exec.LookPath("crm_simulate"); err != nil {
		t.Skip("crm_simulate of Pacemaker is not here")
	}
	schedules := 1
	if text := os.Getenv("EVENKEEL_SCHEDULES"); text != "" {
		var err error
		schedules, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	for name, site := range map[string]*lustretest.Site{"IML": nil, "zfs": lustretest.ZFSGroups(pcs.V09), "ldiskfs": lustretest.LdiskfsByHand(pcs.V09)} {
		t.Run(name, func(t *testing.T) {
			mend := ownRepos
			if site == nil {
				mend = nil
			}
			s := newScene(t, lustretest.Options{Site: site}, mend)
			commands := 0
			straight := &oracle{t: t, skipped: map[string]int{}}
			p := s.play(t)
			p.w.BeforeEffect = func(string, sshexec.Cmd) { commands++ }
			p.w.AfterEffect = straight.after(p.w)
			require.NoError(t, p.run())
			require.Greater(t, straight.asked, 30)
			t.Logf("straight: %d commands, %s", commands, straight)

			broken := &oracle{t: t, skipped: map[string]int{}}
			for seed := range uint64(schedules) {
				broken.schedule = seed
				s.strike(t, broken, rand.New(rand.NewPCG(seed, uint64(commands))), commands) //nolint:gosec // no secret
			}
			t.Logf("%d schedules with a fault: %s", schedules, broken)
		})
	}
}

// strike plays a run with one fault, as far as an operator gets who mends what broke and lets the tool go on.
func (s *scene) strike(t *testing.T, o *oracle, draw *rand.Rand, commands int) {
	p := s.play(t)
	o.before = nil
	at, n := 1+draw.IntN(commands), 0
	p.w.BeforeEffect = func(_ string, cmd sshexec.Cmd) {
		if n++; n == at {
			honest, lies := simhost.Faults(cmd)
			kinds := append(honest, lies...)
			p.w.Strike(kinds[draw.IntN(len(kinds))])
		}
	}
	p.w.AfterEffect = o.after(p.w)
	err := p.run()
	for range 5 {
		if err == nil {
			return
		}
		p.w.Mend()
		err = p.resume()
	}
}
