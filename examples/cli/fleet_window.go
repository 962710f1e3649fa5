package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// fleetSite is where pairs stand, and when they may be worked on there.
type fleetSite struct {
	Name    string
	Zone    *time.Location
	Windows []maintenance // none: at any time
}

// maintenance is a maintenance window: once, or every week.
type maintenance struct {
	from, to time.Time // of a weekly one the wall clock of a week that stands for all
	weekly   bool
}

// The forms of the ends of a maintenance window.
const (
	onceForm   = "2006-01-02 15:04"
	weeklyForm = "Mon 15:04"
)

// longestWindow bounds a maintenance window; a longer one is a slip of the pen.
const longestWindow = 31 * 24 * time.Hour

// longestWeekly bounds one of every week: with its ends swapped it would be all the rest of the week.
const longestWeekly = 3 * 24 * time.Hour

// parseMaintenance reads both ends of a maintenance window, on the clocks of a place.
func parseMaintenance(from, to string, zone *time.Location) (maintenance, error) {
	if start, err := time.ParseInLocation(onceForm, from, zone); err == nil {
		end, err := time.ParseInLocation(onceForm, to, zone)
		switch {
		case err != nil:
			return maintenance{}, fmt.Errorf("to: %q is no time like %q, as from is", to, onceForm)
		case start.Format(onceForm) != from || end.Format(onceForm) != to:
			return maintenance{}, fmt.Errorf("from %s to %s: there is no such hour there that day (the clocks are changed)", from, to)
		case !end.After(start) || end.Sub(start) > longestWindow:
			return maintenance{}, fmt.Errorf("from %s to %s: it must end after it begins, within %d days", from, to, longestWindow/24/time.Hour)
		}
		return maintenance{from: start, to: end}, nil
	}
	start, err1 := parseWeekly(from)
	end, err2 := parseWeekly(to)
	if err1 != nil || err2 != nil {
		return maintenance{}, fmt.Errorf("from %q to %q: write both like %q, or both like %q", from, to, "2026-12-05 22:00", "Sat 22:00")
	}
	if !end.After(start) {
		end = end.AddDate(0, 0, 7)
	}
	if end.Sub(start) > longestWeekly {
		return maintenance{}, fmt.Errorf("from %s to %s: that is %s; one of every week has at most %d days: are its ends swapped?", from, to,
			short(end.Sub(start)), longestWeekly/24/time.Hour)
	}
	return maintenance{from: start, to: end, weekly: true}, nil
}

// parseWeekly is a time of a week, in the week that stands for all: the first days of 2024, which began with a Monday.
func parseWeekly(text string) (time.Time, error) {
	days := []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
	word, clock, _ := strings.Cut(text, " ")
	day := slices.Index(days, word)
	at, err := time.Parse("15:04", clock)
	if err != nil || day < 0 {
		return time.Time{}, fmt.Errorf("%q is no time like %q", text, weeklyForm)
	}
	return time.Date(2024, 1, 1+day, at.Hour(), at.Minute(), 0, 0, time.UTC), nil
}

// around are the window's ends nearest to a time: of the one that is open or comes next, and of the one after that.
func (m maintenance) around(at time.Time, zone *time.Location) (list [][2]time.Time) {
	if !m.weekly {
		return [][2]time.Time{{m.from, m.to}}
	}
	local := at.In(zone)
	monday := local.Day() - (int(local.Weekday())+6)%7
	for week := -1; week <= 2; week++ { // one that began last week may be open
		on := func(t time.Time) time.Time { // the wall clock counts, also where the clocks are changed between
			return time.Date(local.Year(), local.Month(), monday+7*week+t.Day()-1, t.Hour(), t.Minute(), 0, 0, zone)
		}
		list = append(list, [2]time.Time{on(m.from), on(m.to)})
	}
	return list
}

// fits tells whether something that takes so long may begin now; and else when it may, zero where it never may.
func (s *fleetSite) fits(at time.Time, takes time.Duration) (now bool, next time.Time) {
	if len(s.Windows) == 0 {
		return true, time.Time{}
	}
	for _, w := range s.Windows {
		for _, ends := range w.around(at, s.Zone) {
			switch from, to := ends[0], ends[1]; {
			case !at.Before(from) && !at.Add(takes).After(to):
				return true, time.Time{}
			case from.After(at) && !from.Add(takes).After(to) && (next.IsZero() || from.Before(next)):
				next = from
			}
		}
	}
	return false, next
}
