//go:build integration

package placement

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// simulated is what crm_simulate says of a CIB after its transition.
type simulated struct {
	Revised struct {
		Resources simulatedList `xml:"resources"`
	} `xml:"revised_cluster_status"`
}

type simulatedList struct {
	Resources []struct {
		ID    string `xml:"id,attr"`
		Nodes []struct {
			Name string `xml:"name,attr"`
		} `xml:"node"`
	} `xml:"resource"`
	Groups   []simulatedList `xml:"group"`
	Clones   []simulatedList `xml:"clone"`
	Bundles  []simulatedList `xml:"bundle"`
	Replicas []simulatedList `xml:"replica"`
}

// places are the active primitives as "id on node", the instances of a clone by the id of their primitive.
func (l simulatedList) places() []string {
	var all []string
	for _, r := range l.Resources {
		id, _, _ := strings.Cut(r.ID, ":")
		for _, n := range r.Nodes {
			all = append(all, id+" on "+n.Name)
		}
	}
	for _, parts := range [][]simulatedList{l.Groups, l.Clones, l.Bundles, l.Replicas} {
		for _, part := range parts {
			all = append(all, part.places()...)
		}
	}
	return all
}

var errCannotRun = errors.New("crm_simulate does not run it")

// simulate asks crm_simulate where everything runs after a transition.
func simulate(cib []byte) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "crm_simulate", "--simulate", "--output-as=xml", "--xml-pipe")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = bytes.NewReader(cib)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCannotRun, err)
	}
	var s simulated
	if err := xml.Unmarshal(out, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", errCannotRun, err)
	}
	places := s.Revised.Resources.places()
	slices.Sort(places)
	return places, nil
}

// computed is the same from a Placement.
func computed(p *Placement) []string {
	var all []string
	for _, i := range p.Instances {
		if i.Node != "" {
			all = append(all, i.Resource+" on "+i.Node)
		}
	}
	slices.Sort(all)
	return all
}

// tally counts what became of the CIBs of a sweep.
type tally struct {
	sync.Mutex
	onlyClaimed                        bool // leave crm_simulate out where Placement does not answer
	files, run, claimed, agreed, alive int
	instances                          int
	unsupported                        map[string]int
	wrong                              []string
}

func (s *tally) judge(path string, text []byte) {
	cib, err := pacemaker.ParseCIB(bytes.NewReader(text))
	if err != nil {
		return
	}
	p, err := Of(cib)
	var want []string
	errRun := errCannotRun
	if err == nil || !s.onlyClaimed {
		want, errRun = simulate(text)
	}
	s.Lock()
	defer s.Unlock()
	s.files++
	var unsupported *Error
	if errors.As(err, &unsupported) {
		for _, r := range unsupported.Reasons {
			s.unsupported[r.Feature]++
		}
	} else if err != nil {
		s.wrong = append(s.wrong, path+": "+err.Error())
	}
	if errRun != nil {
		return
	}
	s.run++
	if err != nil {
		return
	}
	s.claimed++
	want = slices.DeleteFunc(want, func(place string) bool { return leftBehind(cib, p, place) })
	if diff := cmp.Diff(want, computed(p)); diff != "" && len(want)+len(computed(p)) > 0 {
		s.wrong = append(s.wrong, path+" (-crm_simulate +Placement):\n"+diff)
		return
	}
	s.agreed++
	s.instances += len(want)
	if len(want) > 0 {
		s.alive++
	}
}

// leftBehind says whether crm_simulate takes a resource for running in a place only because it leaves the record of a failed recurring
// monitor there when it stops the resource. It says itself that it stops it: see the transition summary.
func leftBehind(c *pacemaker.CIB, p *Placement, place string) bool {
	id, node, _ := strings.Cut(place, " on ")
	for _, h := range c.Root().FindElements("status/node_state[@uname='" + node + "']//lrm_resource[@id='" + id + "']") {
		for _, op := range h.SelectElements("lrm_rsc_op") {
			failed := op.SelectAttrValue("operation", "") == "monitor" && op.SelectAttrValue("interval", "0") != "0" &&
				op.SelectAttrValue("rc-code", "0") != "0"
			stays := slices.ContainsFunc(p.Of(id), func(i Instance) bool { return i.Node == node })
			if failed && !stays && slices.ContainsFunc(p.Of(id), func(i Instance) bool { return slices.Contains(i.Running, node) }) {
				return true
			}
		}
	}
	return false
}

func (s *tally) report(t *testing.T, what string) {
	t.Helper()
	t.Logf("%s: %d CIBs, crm_simulate runs %d, Placement claims %d of them, %d agree; in %d something runs at the end, %d instances",
		what, s.files, s.run, s.claimed, s.agreed, s.alive, s.instances)
	for _, w := range s.wrong {
		t.Error(w)
	}
}

// Placement agrees with Pacemaker's own scheduler on the node of every resource instance of every CIB that it claims to compute.
func TestPlacementAgreesWithCrmSimulate(t *testing.T) {
	golden.Program(t, "crm_simulate", "pacemaker-cli-utils")
	files := golden.CorpusCIBs(t)
	s := &tally{unsupported: make(map[string]int)}
	golden.InParallel(files, func(path string) {
		if text, err := os.ReadFile(path); err == nil {
			s.judge(filepath.Base(path), text)
		}
	})
	s.report(t, "as they are")
	for f, n := range s.unsupported {
		t.Logf("unsupported %d times: %s", n, f)
	}
	require.Greater(t, s.files, 1000)
	require.GreaterOrEqual(t, 5*s.claimed, s.run, "a fifth at least")
}

// The same for CIBs that use the property names of Pacemaker 3, put in the words that Debian's Pacemaker knows: so more of them run.
func TestPlacementAgreesWithCrmSimulateOldNames(t *testing.T) {
	golden.Program(t, "crm_simulate", "pacemaker-cli-utils")
	names := strings.NewReplacer(`name="fencing-enabled"`, `name="stonith-enabled"`, `name="stop-removed-resources"`,
		`name="stop-orphan-resources"`)
	s := &tally{unsupported: make(map[string]int), onlyClaimed: true}
	golden.InParallel(golden.CorpusCIBs(t), func(path string) {
		text, err := os.ReadFile(path)
		if changed := names.Replace(string(text)); err == nil && changed != string(text) {
			s.judge(filepath.Base(path), []byte(changed))
		}
	})
	s.report(t, "with old names")
	require.Greater(t, s.claimed, 100)
}

// The cases of TestPlacement and TestDigests are what crm_simulate says too.
func TestPlacementCasesAreRight(t *testing.T) {
	golden.Program(t, "crm_simulate", "pacemaker-cli-utils")
	cases := placementCases()
	maps.Copy(cases, digestCases())
	for name, tt := range cases {
		if tt.newer {
			continue
		}
		places, err := simulate([]byte(tt.text))
		require.NoError(t, err, name)
		places = slices.DeleteFunc(places, func(p string) bool { return strings.HasPrefix(p, "fence on ") })
		require.Equal(t, tt.want, strings.ReplaceAll(strings.Join(places, " "), " on ", "@"), name)
	}
}

// Random clusters: the same answer as crm_simulate's wherever Placement gives one. EVENKEEL_RANDOM is how many; 300 by default.
func TestPlacementAgreesOnRandomClusters(t *testing.T) {
	golden.Program(t, "crm_simulate", "pacemaker-cli-utils")
	count := 300
	if n, err := strconv.Atoi(os.Getenv("EVENKEEL_RANDOM")); err == nil {
		count = n
	}
	gen := randomCluster()
	seeds := make([]string, count)
	texts := make(map[string][]byte, count)
	for i := range seeds {
		seeds[i] = fmt.Sprintf("random cluster %d", i)
		texts[seeds[i]] = []byte(gen.Example(i))
	}
	s := &tally{unsupported: make(map[string]int), onlyClaimed: true}
	golden.InParallel(seeds, func(seed string) { s.judge(seed, texts[seed]) })
	s.report(t, "random clusters")
	require.Greater(t, 2*s.claimed, s.files, "most of them are within what Placement computes")
}
