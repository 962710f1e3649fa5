package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli/page"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// unsafeText is what a terminal would obey, or what misleads who reads it.
var unsafeText = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`)

// Names and states come from machines. Neither status nor any form of report shows what a terminal or a browser would obey, nor a secret; a
// long one breaks nothing.
func TestHostileNamesThroughStatusAndReport(t *testing.T) {
	const canary = "canary-Zk93!x"
	hostile := "\x1b[31mMGS\x07\u202e\u009b<script>alert(1)</script>|x|\nnext  forged: on n1 " + canary
	long := strings.Repeat("ü", 100_000)
	looks := 0
	rb := &evenkeel.Runbook{Name: "hostile", Title: "A test", Secrets: []sshexec.Secret{canary},
		Invariants: []evenkeel.Invariant{{ID: "up", Title: "It is up.", Check: func(_ context.Context, at evenkeel.Site) error {
			looks++
			at.Saw(evenkeel.Serving{What: hostile, Where: []string{hostile, ""}[looks%2], State: hostile, Home: hostile}, evenkeel.Serving{What: long, Where: long})
			return nil
		}}},
		Steps: []evenkeel.Step{{ID: "s", Title: "Change it", Host: "h", Harmless: "It is a test.", Actions: []evenkeel.Action{
			{ID: "change", Change: evenkeel.Change{Title: "Change it", Repeat: evenkeel.Idempotent, Cmd: sshexec.Command(sshexec.Mutating, "change")}}}}},
	}
	path := filepath.Join(t.TempDir(), "j.jsonl")
	j, err := evenkeel.OpenJournal(path)
	require.NoError(t, err)
	done := sshexec.RunnerFunc(func(context.Context, sshexec.Cmd) (sshexec.Result, error) {
		return sshexec.Result{Outcome: sshexec.Exited}, nil
	})
	_, err = evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": sshexec.WithSimLease("h", &sshexec.SimLease{}, done)},
		evenkeel.Options{Journal: j, LeasePath: "/lease"})
	require.NoError(t, err)
	require.Greater(t, looks, 1)
	require.NoError(t, j.Close())

	shown := map[string]string{}
	for _, format := range []string{"text", "json"} {
		var out, errs strings.Builder
		require.Equal(t, ExitDone, testApp(&out, &errs).Main([]string{"status", "--journal", path, "-o", format}), errs.String())
		shown["status "+format] = out.String()
	}
	st, err := evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	require.NotEmpty(t, st.Serving[0].Outages)
	o := evenkeel.SheetOptions{Records: j.Records()}
	sheet, err := rb.Sheet(o)
	require.NoError(t, err)
	for name, write := range map[string]func(*strings.Builder) error{
		"text":     func(b *strings.Builder) error { return sheet.Text(b) },
		"markdown": func(b *strings.Builder) error { return sheet.Markdown(b) },
		"json":     func(b *strings.Builder) error { return reportJSON(b, sheet, st) },
		"html":     func(b *strings.Builder) error { return page.Write(b, rb, page.Options{SheetOptions: o}) },
	} {
		var b strings.Builder
		require.NoError(t, write(&b), name)
		shown[name] = b.String()
	}
	told := (titles{}).told(j.Records()[slices.IndexFunc(j.Records(), func(r evenkeel.Record) bool { return r.Kind == evenkeel.KindSaw })], nil)
	require.NotContains(t, told, "\n")
	shown["follow"] = told
	for name, text := range shown {
		require.Contains(t, text, "MGS", name)
		require.Empty(t, unsafeText.FindString(text), name)
		require.NotContains(t, text, canary, name)
		require.NotRegexp(t, `(?m)^next  forged`, text, name)
		require.Less(t, len(text), 200_000, name)
	}
	require.NotContains(t, shown["html"], "<script>alert")
}

// Of many things those are listed that are not in their place, or of which that is not known; the others are counted, with the oldest look.
func TestManyThingsThatServe(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	served := func(what, where, home string, seen int) Served {
		return Served{Serving: evenkeel.Serving{What: what, Where: where, Home: home, State: "mounted"}, Since: at, Seen: at.Add(time.Duration(seen) * time.Minute)}
	}
	few := []Served{served("MGS", "n1", "n1", 5), served("MDT0", "", "n2", 6), served("OST0", "n1", "n2", 7), served("VIP", "n1", "", 8)}
	few[3].State, few[3].Unseen = "", at.Add(9*time.Minute)
	require.Equal(t, []string{
		"MGS: on n1, mounted, since 2026-03-01T02:00:00Z, last seen 2026-03-01T02:05:00Z",
		"MDT0: DOWN, mounted, since 2026-03-01T02:00:00Z, last seen 2026-03-01T02:06:00Z",
		"OST0: on n1, mounted, away from n2, since 2026-03-01T02:00:00Z, last seen 2026-03-01T02:07:00Z",
		"VIP: NOT KNOWN since 2026-03-01T02:09:00Z; before that on n1, since 2026-03-01T02:00:00Z, last seen 2026-03-01T02:08:00Z",
	}, servedText(few))
	all := few
	for i := range 60 {
		all = append(all, served(fmt.Sprint("OST", i+1), "n1", "n1", 10+i))
	}
	text := servedText(all)
	require.Len(t, text, 4)
	require.NotContains(t, strings.Join(text, "\n"), "MGS")
	require.Equal(t, "61 of 64 in their normal place, each seen at 2026-03-01T02:05:00Z or later", text[3])
}

// What follow tells of a look is what the records before do not tell.
func TestFollowTellsWhatChanged(t *testing.T) {
	saw := func(list ...evenkeel.Sight) evenkeel.Record {
		return evenkeel.Record{Kind: evenkeel.KindSaw, Saw: list}
	}
	on := func(what, where string) evenkeel.Sight {
		return evenkeel.Sight{Serving: evenkeel.Serving{What: what, Where: where}}
	}
	first := saw(on("a", "n1"), on("b", "n1"))
	require.Equal(t, "serving: a on n1; b on n1", (titles{}).told(first, nil))
	require.Empty(t, (titles{}).told(first, []evenkeel.Record{first}), "another invariant saw the same")
	lost := evenkeel.Sight{Serving: evenkeel.Serving{What: "b"}, Unseen: true}
	require.Equal(t, "serving: a DOWN; b cannot be seen", (titles{}).told(saw(on("a", ""), lost), []evenkeel.Record{first}))
	require.Equal(t, "serving: a on n1; b on n1; c on n1; d on n1; and 2 more",
		(titles{}).told(saw(on("a", "n1"), on("b", "n1"), on("c", "n1"), on("d", "n1"), on("e", "n1"), on("f", "n1")), nil))
}
