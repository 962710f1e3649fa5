package upgrade_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/papertest"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// onPaper is the pair for the operator who follows the runbook by hand.
type onPaper struct{ *lustretest.Pair }

func (o onPaper) Hash() string { return o.Rehearsal().Hash() }

// followed follows the runbook's Markdown by hand in a world of its own, and tells how that ends.
func (s *scene) followed(t *testing.T, unset bool) string {
	t.Helper()
	var md strings.Builder
	require.NoError(t, s.book.Markdown(&md))
	w := s.world.Clone()
	papertest.Follow(t, md.String(), onPaper{w},
		papertest.Person{Dir: t.TempDir(), Unset: unset, Pause: 20 * time.Second, Secret: func(action string) string {
			if strings.Contains(action, "fencing attributes") {
				return "calvin\ncalvin\n"
			}
			if _, device, is := strings.Cut(action, "create fence-"); is {
				return "xyzzy-" + device[:len("ct6-mds1")] + "-plugh\n"
			}
			return "correct horse\n"
		}})
	require.NoError(t, w.Check())
	return w.EndState()
}

// Point 2 of issue 12: followed by hand, the runbook on paper ends where the engine's run ends. Without one of its
// variables, no command does anything.
func TestTheRunbookByHand(t *testing.T) {
	for name, tc := range map[string]struct {
		opts lustretest.Options
		mend func(*upgrade.Config)
	}{
		"guide":   {},
		"offline": {mend: goOffline},
		"atomic":  {mend: func(c *upgrade.Config) { c.Atomic = true }},
		"plain":   {mend: func(c *upgrade.Config) { c.PlainPCS, c.DisableFirewall, c.NoAutostart = true, true, true }},
		"modern": {
			opts: lustretest.Options{OldPCS: pcs.V011, NewPCS: pcs.V011},
			mend: func(c *upgrade.Config) { c.OldPCS, c.NewPCS = pcs.V011, pcs.V011 },
		},
		"zfs":     {opts: lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)}, mend: ownRepos},
		"ldiskfs": {opts: lustretest.Options{Site: lustretest.LdiskfsByHand(pcs.V09)}, mend: ownRepos},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "guide" && (testing.Short() || os.Getenv("EVENKEEL_REHEARSE_EVERY") == "") {
				t.Skip("one of them is enough; CI follows all, with EVENKEEL_REHEARSE_EVERY")
			}
			s := newScene(t, tc.opts, tc.mend)
			p := s.play(t)
			require.NoError(t, p.run())
			require.Equal(t, p.w.EndState(), s.followed(t, name == "guide"))
		})
	}
}

// Every check has something that the operator can judge it by, and every Op what the operator types.
func TestEveryCheckCanBeJudged(t *testing.T) {
	judged(t, newScene(t, lustretest.Options{}, nil).book)
	judged(t, newScene(t, lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)}, ownRepos).book)
}

func judged(t *testing.T, rb *evenkeel.Runbook) {
	t.Helper()
	for i := range rb.Steps {
		s := &rb.Steps[i]
		for _, a := range append(append(append([]evenkeel.Action{}, s.Actions...), s.Verify...), s.Undo...) {
			shown := false
			for _, b := range a.Paper {
				shown = shown || len(b.Shows) > 0
			}
			if a.Expect.Check != nil && len(a.Makes) == 0 && !shown {
				t.Errorf("%s/%s: %s: nothing tells the operator whether it holds", s.ID, a.ID, a.Expect.Text)
			}
			if a.Op != nil && len(a.Paper) == 0 {
				t.Errorf("%s/%s: an operation in prose", s.ID, a.ID)
			}
		}
	}
}

// block is the block of the runbook on paper that has such a command, with the functions that it uses.
func (s *scene) block(t *testing.T, has string) string {
	t.Helper()
	var md strings.Builder
	require.NoError(t, s.book.Markdown(&md))
	for i, text := range strings.Split(md.String(), "```") {
		if i%2 == 1 && strings.Contains(text, has) && !strings.Contains(text, "gone() {") {
			_, script, _ := strings.Cut(text, "\n")
			return s.book.Functions + "\n" + script
		}
	}
	t.Fatalf("no block has %q", has)
	return ""
}

// byHand runs a script with the given shell functions in place of the programs of a node.
func byHand(t *testing.T, programs, script string) string {
	t.Helper()
	// what it prints is judged, as the operator does
	out, _ := exec.CommandContext(t.Context(), "bash", "-c", programs+"\n"+script).CombinedOutput()
	return strings.TrimSpace(string(out))
}

// The proof that every target is gone is no proof where one of the programs failed, or printed nothing.
func TestGoneOnPaperFailsClosed(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	const (
		mounts = `cat() { case $1 in /proc/mounts) echo "/dev/sda1 / ext4 rw 0 0";; /proc/modules) echo "ext4 1 0 - Live 0x0";; esac; }`
		others = `ps() { echo "Ss /sbin/init"; echo "R+ ps -e -o stat= -o args="; }; lctl() { echo "  1 UP mgc MGC10.0.0.1@tcp 4cb 5"; }; cibadmin() { echo "<cib/>"; }`
		gone   = "every target is gone"
	)
	script := s.block(t, "| gone ct6-mds2 ")
	require.Equal(t, gone, byHand(t, mounts+"\n"+others, script))
	require.Equal(t, gone, byHand(t, mounts+"\n"+others+"; cibadmin() { return 107; }", script), "a cluster that has stopped")
	require.Equal(t, gone, byHand(t, mounts+"\n"+others+"; lctl() { return 127; }", script), "a node without Lustre")
	for name, broken := range map[string]string{
		"no mount table":             `cat() { :; }`,
		"a mount table not read":     `cat() { return 1; }`,
		"a target mounted elsewhere": `cat() { echo "/dev/sdx /mnt/other lustre rw 0 0"; }`,
		"a target mounted":           `cat() { echo "/dev/sdx /mnt/MGS lustre rw 0 0"; }`,
		"no processes":               `ps() { :; }`,
		"an umount":                  `ps() { echo "D umount /mnt/MGS"; echo "R+ ps -e -o stat= -o args="; }`,
		"no CIB":                     `cibadmin() { return 1; }`,
		"no lctl, but Lustre":        `lctl() { return 127; }; cat() { case $1 in /proc/mounts) echo "/dev/sda1 / ext4 rw 0 0";; *) echo "obdclass 1 0 - Live 0x0";; esac; }`,
		"a device":                   `lctl() { echo "  0 UP osd-ldiskfs MGS-osd MGS-osd_UUID 5"; }`,
	} {
		require.NotContains(t, byHand(t, mounts+"\n"+others+"\n"+broken, script), gone, name)
	}
}

// H1: that node 1 was not fenced is not said where the history cannot be read.
func TestFencedOnPaperFailsClosed(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	block := s.block(t, "answer counted")
	script := "NODE1_FENCED='history of ct6-mds1'\n" + block
	require.Equal(t, "not fenced", byHand(t, `stonith_admin() { :; }`, script))
	require.Equal(t, "not fenced", byHand(t, `stonith_admin() { return 107; }`, script), "a cluster that has stopped fences nobody")
	require.NotContains(t, byHand(t, `stonith_admin() { return 1; }`, script), "not fenced")
	require.NotContains(t, byHand(t, `stonith_admin() { echo "node2 turned node1 off"; }`, script), "not fenced")

	counted := "NODE1_FENCED=$'history of ct6-mds1\\n0 events found'\n" + block
	require.Equal(t, "not fenced", byHand(t, `stonith_admin() { echo "0 events found"; }`, counted))
	require.Equal(t, "not fenced", byHand(t, `stonith_admin() { return 107; }`, counted), "a cluster that has stopped fences nobody")
	require.NotContains(t, byHand(t, `stonith_admin() { :; }`, counted), "not fenced", "it had a word for none")
	require.NotContains(t, byHand(t, `stonith_admin() { echo "1 event found"; }`, counted), "not fenced")
}
