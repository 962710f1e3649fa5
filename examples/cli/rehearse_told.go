package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli/page"
)

// storiesTold is how many findings are told as stories. The others are named, with the command that tells them.
const storiesTold = 10

// broke is how many schedules broke something, without pairs.
func broke(report *evenkeel.RehearsalReport) (n int) {
	for _, c := range report.Coverage {
		n += c.Broke
	}
	return n
}

// rehearsal is what a rehearsal found, for all formats. A context that has ended tells no stories.
func (s *stage) rehearsal(ctx context.Context, report *evenkeel.RehearsalReport, o rehearsalFlags) *page.Rehearsal {
	rb := s.first.runbook
	r := &page.Rehearsal{Title: rb.Title, Digest: s.digest, Made: s.app.maker(o.config, o.dir), Commands: report.Commands,
		Records: report.Records, Space: report.Space, Tried: report.Schedules, Left: report.Left, Met: report.Met,
		Broke: broke(report), Sentence: sentence(rb, report), Findings: []page.Story{}, Notes: restsOn(o),
		Rollbacks: page.RehearsedRollbacks{Played: report.Rollbacks.Played, Apart: report.Rollbacks.Apart, Within: report.Rollbacks.Within},
		Pairs:     page.RehearsedPairs{Firsts: report.Pairs.Firsts, Tried: report.Pairs.Tried, Broke: report.Pairs.Broke}}
	cover(r, rb, report)
	switch {
	case report.Space == 0 && ctx.Err() != nil:
		r.Banner = "Stopped as asked, before the straight run had ended: nothing was tried."
	case report.Space == 0 && o.budget > 0:
		r.Banner = fmt.Sprintf("The budget of %s is spent, and the straight run had not ended: nothing was tried.", short(o.budget))
	case ctx.Err() != nil && report.Left > 0:
		r.Banner = fmt.Sprintf("Stopped as asked: the other schedules were not tried (%s).", thousands(report.Left))
	case report.Left > 0:
		r.Banner = fmt.Sprintf("The budget of %s is spent: %s schedules were not tried.", short(o.budget), thousands(report.Left))
	}
	for i, f := range report.Failures {
		told := s.untold(rb, f.Schedule, f.Step, "", o)
		told.Verdict = s.text("It broke something: " + firstLine(f.Err))
		if f.From != (evenkeel.Schedule{}) {
			told.From = f.From.String()
		}
		if i < storiesTold {
			s.tell(ctx, &told, f.Schedule)
		}
		r.Findings = append(r.Findings, told)
	}
	if only, err := evenkeel.ParseSchedule(o.schedule); err == nil && report.Schedules+report.Pairs.Tried == 1 && len(report.Failures) == 0 {
		c := slices.Concat(report.Coverage, report.Pairs.Coverage)[0]
		told := s.untold(rb, only, c.Step, "", o)
		for end := range c.Ends { // one
			told.Verdict = end.Words() + "."
		}
		s.tell(ctx, &told, only)
		r.Told = &told
	}
	if w := report.Worst; w.Longest > 0 {
		told := s.untold(rb, w.Schedule, w.Step, w.Host, o)
		told.Lasted = w.Longest
		told.Verdict = fmt.Sprintf("%s is down for %s.", w.What, short(w.Longest))
		if w.Schedule != (evenkeel.Schedule{}) && o.schedule == "" && o.format != "text" {
			s.tell(ctx, &told, w.Schedule)
		}
		r.Worst = &told
	}
	return r
}

// untold is a story without its lines.
func (s *stage) untold(rb *evenkeel.Runbook, schedule evenkeel.Schedule, step, host string, o rehearsalFlags) page.Story {
	told := page.Story{What: happens(rb, schedule, step, host), Step: numberOf(rb, step)}
	if schedule == (evenkeel.Schedule{}) {
		return told
	}
	told.Schedule = schedule.String()
	told.Again = s.app.Name + " rehearse"
	switch {
	case o.config != "":
		told.Again += " --config " + shellescape.Quote(o.config)
	case o.dir != "":
		told.Again += " --dir " + shellescape.Quote(o.dir)
	}
	told.Again += " --schedule " + shellescape.Quote(told.Schedule)
	return told
}

// happens says what goes wrong in a schedule, and where.
func happens(rb *evenkeel.Runbook, s evenkeel.Schedule, step, host string) string {
	if s == (evenkeel.Schedule{}) {
		return "nothing goes wrong"
	}
	text := s.Kind.Words()
	switch {
	case s.Then.Kind == "":
	case s.Kind == evenkeel.RollbackFrom:
		text += ", and in the rollback " + s.Then.Kind.Words()
	default:
		text += ", and later " + s.Then.Kind.Words()
	}
	switch {
	case host == "":
	case s.Then.Kind != "" && s.Kind != evenkeel.RollbackFrom: // either part may be the fault
		text += ", the last fault on " + host
	default:
		text += " on " + host
	}
	if n := numberOf(rb, step); n > 0 {
		return fmt.Sprintf("%s, in step %d", text, n)
	}
	return text + ", before the first step or after the last one"
}

func numberOf(rb *evenkeel.Runbook, step string) int {
	return 1 + slices.IndexFunc(rb.Steps, func(s evenkeel.Step) bool { return s.ID == step })
}

// sentence is what is signed: how many schedules and pairs, how many violations, the worst outage.
func sentence(rb *evenkeel.Runbook, r *evenkeel.RehearsalReport) string {
	var words []string
	if r.Schedules > 0 {
		text := thousands(r.Schedules)
		if r.Schedules != r.Space {
			text += " of " + thousands(r.Space)
		}
		words = append(words, text+noun(r.Space, " schedule"))
	}
	if n := r.Pairs.Tried; n > 0 {
		words = append(words, thousands(n)+noun(n, " pair"))
	}
	if len(words) == 0 {
		return "nothing was tried"
	}
	text := strings.Join(words, " and ") + ", " + thousands(len(r.Failures)) + noun(len(r.Failures), " violation") + ", "
	if r.Worst.Longest == 0 {
		return text + "no outage"
	}
	return text + fmt.Sprintf("worst outage %s (%s; %s)", short(r.Worst.Longest), r.Worst.What,
		happens(rb, r.Worst.Schedule, r.Worst.Step, r.Worst.Host))
}

// noun is a word for that many.
func noun(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// thousands is a number with commas.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// restsOn says what the numbers rest on.
func restsOn(o rehearsalFlags) []string {
	list := []string{
		"The machines are simulated. Times are those of the simulated world, and no promise about real machines.",
		"After a crash the tool is started again at once. What a fault broke is mended as soon as the run has stopped. " +
			"After a stop that was asked for nobody is there for an hour.",
		"A schedule that waits for the operator ends there: how long an outage lasts that is open then is not known.",
	}
	if o.every > 1 {
		list = append(list, fmt.Sprintf("Thinned out by --every %d: a crash was tried at one point in %[1]d, a stop request and a rollback "+
			"at one in %d, each kind of fault at one in %d. Within the rollbacks a crash was tried at one point in %[2]d, each kind of "+
			"fault at one in %[4]d.", o.every, 3*o.every, 6*o.every, 18*o.every))
	}
	if o.pairs > 0 {
		list = append(list, "A pair is a crash, a lost answer or a fault, and a second one later in the same run. They were chosen by risk, and "+
			"are counted apart.")
	}
	if !o.faults && o.schedule == "" {
		list = append(list, "No command went wrong by itself: --faults tries that.")
	}
	return list
}

// cover fills in the steps and the kinds of schedules, and how these ended.
func cover(r *page.Rehearsal, rb *evenkeel.Runbook, report *evenkeel.RehearsalReport) {
	for _, c := range slices.Concat(report.Coverage, report.Pairs.Coverage) {
		kind := cmp.Or(c.Then, c.Kind)
		if !slices.ContainsFunc(r.Kinds, func(k page.RehearsedKind) bool { return k.Kind == kind }) {
			r.Kinds = append(r.Kinds, page.RehearsedKind{Kind: kind, Words: kind.Words()})
		}
	}
	slices.SortFunc(r.Kinds, func(a, b page.RehearsedKind) int {
		return cmp.Or(rank(a.Kind)-rank(b.Kind), strings.Compare(string(a.Kind), string(b.Kind)))
	})
	r.Steps = append(r.Steps, page.RehearsedStep{ID: "begin, end", Title: "Before the first step, and after the last one",
		Cells: make([]page.Tally, len(r.Kinds))})
	for i := range rb.Steps {
		r.Steps = append(r.Steps, page.RehearsedStep{Number: i + 1, ID: rb.Steps[i].ID, Title: rb.Steps[i].Title,
			Cells: make([]page.Tally, len(r.Kinds))})
	}
	within, pairs := rowsLike(r.Steps), rowsLike(r.Steps)
	for i := range within {
		within[i].Rollback, pairs[i].Pairs = true, true
	}
	for _, c := range slices.Concat(report.Coverage, report.Pairs.Coverage) {
		rows, pair := r.Steps, c.Then != "" && c.Kind != evenkeel.RollbackFrom
		switch {
		case pair:
			rows = pairs
		case c.Then != "":
			rows = within
		}
		step := &rows[numberOf(rb, c.Step)]
		at := slices.IndexFunc(r.Kinds, func(k page.RehearsedKind) bool { return k.Kind == cmp.Or(c.Then, c.Kind) })
		tallies := []*page.Tally{&step.Cells[at], &step.Tally}
		if !pair { // they are counted apart
			tallies = append(tallies, &r.Kinds[at].Tally)
			r.Down += c.Down
		}
		for _, t := range tallies {
			t.Add(c.Explored, c.Broke, c.Down, c.Ends)
		}
	}
	untried := func(s page.RehearsedStep) bool { return s.Explored == 0 }
	r.Within, r.Pairs.Steps = slices.DeleteFunc(within, untried), slices.DeleteFunc(pairs, untried)
}

// rowsLike are rows of the same steps, in which nothing is counted.
func rowsLike(list []page.RehearsedStep) []page.RehearsedStep {
	list = slices.Clone(list)
	for i := range list {
		list[i].Cells = make([]page.Tally, len(list[i].Cells))
	}
	return list
}

// rank is the place of a kind of schedules: in the order in which the library knows them, faults behind them.
func rank(k evenkeel.ScheduleKind) int {
	kinds := evenkeel.EveryKind()
	if i := slices.Index(kinds, k); i >= 0 {
		return i
	}
	return len(kinds)
}

// tell plays a schedule once more, and writes down what happens in it.
func (s *stage) tell(ctx context.Context, told *page.Story, schedule evenkeel.Schedule) {
	if ctx.Err() != nil {
		return
	}
	rb := s.first.runbook
	var begun time.Time
	var before []string
	plan := evenkeel.RehearsalPlan{Only: schedule, Tell: func(m evenkeel.RehearsalMoment) {
		now := m.World.(SimWorld).Report().Serving //nolint:forcetypeassert // every world here is one
		if len(told.Lines) == 0 && told.Targets == nil {
			begun = m.Time
			for _, one := range now {
				told.Targets = append(told.Targets, one.What)
			}
		}
		where := moment("", told.Targets, now).Where
		line := page.StoryLine{After: m.Time.Sub(begun), Step: numberOf(rb, m.Step), Who: string(m.Who), Text: s.text(m.Text),
			Served: moves(told.Targets, before, where), Where: where}
		before = where
		if m.Text == "" {
			line.Who = "world"
		}
		if m.Text != "" || len(line.Served) > 0 {
			told.Lines = append(told.Lines, line)
		}
	}}
	s.set(&plan)
	if _, err := evenkeel.Rehearse(ctx, rb, s.first.world, plan); err != nil {
		told.Verdict += " It could not be told: " + s.text(firstLine(err))
	}
}

// moves are the targets that are served elsewhere than before, in words.
func moves(targets, before, now []string) (list []string) {
	word := func(where string) string {
		if where == "" {
			return "nowhere"
		}
		return where
	}
	for i, target := range targets {
		if before != nil && before[i] != now[i] {
			list = append(list, fmt.Sprintf("%s: %s → %s", target, word(before[i]), word(now[i])))
		}
	}
	return list
}

// rehearsalText is what was found, as text.
func rehearsalText(r *page.Rehearsal) string {
	var b strings.Builder
	put := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	put("%s", r.Title)
	if r.Digest != "" {
		put("digest %s", r.Digest)
	}
	put("straight through: %d commands, %d journal records", r.Commands, r.Records)
	put("schedules with a crash of the tool, a lost connection, a stop or a fault: %d, of which broke something: %d", r.Tried, r.Broke)
	put("%s", r.Sentence)
	if r.Rollbacks.Played > 0 {
		put("%s", r.Rollbacks.Words())
	}
	if r.Pairs.Tried > 0 {
		put("%s", r.Pairs.Words())
	}
	if r.Tried+r.Pairs.Tried > 1 {
		coverageText(put, r)
	}
	for i, f := range r.Findings {
		put("\nFINDING %d: %s (%s)\n  %s", i+1, f.What, f.Schedule, f.Verdict)
		storyText(put, f)
	}
	if r.Told != nil {
		put("\n%s: %s", r.Told.What, r.Told.Verdict)
		storyText(put, *r.Told)
	}
	if w := r.Worst; w != nil {
		put("\nWorst outage: %s\n  %s", w.What, w.Verdict)
		if w.Again != "" {
			put("  To see it: %s", w.Again)
		}
	}
	put("")
	for _, n := range r.Notes {
		put("%s", n)
	}
	if r.Banner != "" {
		put("%s", r.Banner)
	}
	return b.String()
}

// coverageText is a table of the kinds, and one of the steps in which each kind is a letter.
func coverageText(put func(string, ...any), r *page.Rehearsal) {
	put("\n    %-52s %8s %8s %8s %8s %6s %6s %6s %6s",
		"what goes wrong", "explored", "finished", "resumed", "rolled b.", "held", "misled", "BROKE", "down")
	for i := range r.Kinds {
		k := &r.Kinds[i]
		put(" %2d %-52s %8d %8d %8d %8d %7d %6d %6d %6d", i+1, k.Words, k.Explored, k.Count(evenkeel.Finished), k.Count(evenkeel.Resumed),
			k.Count(evenkeel.RolledBack), k.Count(evenkeel.Held), k.Count(evenkeel.Misled), k.Broke, k.Down)
	}
	put("\nBy step, the gravest end of each kind, in the same order (%s%s broken, %s not tried):", endLetters(), page.Broken, page.Untried)
	rows := func(list []page.RehearsedStep) {
		for i := range list {
			s := &list[i]
			letters := ""
			for j := range s.Cells {
				letters += s.Cells[j].Letter()
			}
			put(" %3d %-28s %s  %s", s.Number, s.ID, letters, s.Words())
		}
	}
	rows(r.Steps)
	if len(r.Within) > 0 {
		put("\nWithin the rollbacks from these steps:")
		rows(r.Within)
	}
	if len(r.Pairs.Steps) > 0 {
		put("\nPairs, by the step of the first part and the kind of the second:")
		rows(r.Pairs.Steps)
	}
}

func endLetters() (text string) {
	for _, e := range page.Ends {
		text += fmt.Sprintf("%s %s, ", e.Letter, e.End)
	}
	return text
}

// storyText is a story, a line a moment.
func storyText(put func(string, ...any), s page.Story) {
	for _, l := range s.Lines {
		step := ""
		if l.Step > 0 { // else it is before the first one, or one of a rollback
			step = fmt.Sprintf("step %d", l.Step)
		}
		put("  %10s  %-8s %-6s %s", l.When(), step, l.Who, l.Text)
		for _, served := range l.Served {
			put("  %27s %s", "", served)
		}
	}
	if s.From != "" {
		put("  It was found from a longer schedule that broke the same: %s", s.From)
	}
	if s.Again != "" {
		put("  To repeat exactly this: %s", s.Again)
	}
}
