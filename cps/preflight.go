package cps

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// Stage is how far a migration has come; what diagnostics.sh may complain of depends on it (cps:385,524,568,1022).
type Stage uint8

// The stages.
const (
	StageBefore   Stage = iota // nothing has been changed
	StageManager               // the Cluster Manager is new, every VM is old
	StageSet1Down              // set 1 is disabled
	StageMixed                 // set 1 is migrated, set 2 is old
	StageSet2Down              // set 2 is disabled
	StageAfter                 // every VM is migrated
)

func (s Stage) String() string {
	names := [...]string{"before the migration", "Cluster Manager migrated", "set 1 disabled", "set 1 migrated",
		"set 2 disabled", "after the migration"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("Stage(%d)", uint8(s))
}

// underWay tells the stages in which diagnostics fail for good reasons: clocks converge, replica sets are not synced (cps:385).
func (s Stage) underWay() bool { return s > StageBefore && s < StageAfter }

// ReviewDiagnostics says what of an output of diagnostics.sh matters at a stage. Before and after the migration every
// check that did not pass does: "clear or resolve any errors or warnings before proceeding" (cps:340). In between it is
// information, and the checks that the stage is about (replica sets, releases, traffic) are made on their own. A line
// that is not understood, and an output without a check, are errors at every stage.
func ReviewDiagnostics(d *Diagnostics, stage Stage) []Finding {
	if d == nil {
		return []Finding{{Severity: Error, What: "there is no output of diagnostics.sh", Row: "CPS-130"}}
	}
	list := d.Findings()
	if stage > StageAfter {
		list = append(list, Finding{Severity: Error, Where: d.File, What: "there is no " + stage.String(), Row: "CPS-130"})
	}
	if aido, _ := d.Check("AIDO"); stage == StageAfter { // "till all the VMs are migrated" (cps:524)
		for _, line := range aido.Lines {
			if m := aidoForm.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
				list = append(list, Finding{Severity: Error, Where: where(d.File, aido.Line), Row: "CPS-165",
					What: "no AIDO service is installed on " + m[1] + ": it is not migrated"})
			}
		}
	}
	if !stage.underWay() {
		return list
	}
	notUnderstood := d.NotUnderstood()
	for i := range list {
		if len(d.Checks) == 0 || slices.Contains(notUnderstood, list[i]) { // no stage accounts for it
			continue
		}
		list[i].Severity = Info
		list[i].What += " (" + stage.String() + ": this may be so)"
		list[i].Row = "CPS-164"
		if strings.Contains(strings.ToLower(list[i].What), "aido") {
			list[i].Row = "CPS-165"
		}
	}
	return list
}

// MinFreeKB is the free space that the Cluster Manager needs for its backup, in kilobytes of 1024 bytes: 10 GB (cps:281).
const MinFreeKB = 10 << 20

// ParseFreeSpace reads the output of "df -Pk PATH" for one path and gives the free kilobytes of 1024 bytes.
func ParseFreeSpace(r io.Reader) (kilobytes int64, err error) {
	src, err := readSource(r, "df -Pk")
	if err != nil {
		return 0, err
	}
	const columns, available = 6, 3
	rows := 0
	for _, l := range src.clean() {
		cells := strings.Fields(l.text)
		if len(cells) == 0 || strings.EqualFold(cells[0], "Filesystem") {
			continue
		}
		rows++
		if len(cells) < columns {
			src.failf(l.no, 1, l.text, "a row must have %d columns: file system, blocks, used, available, capacity, mount point", columns)
			continue
		}
		if kilobytes, err = strconv.ParseInt(cells[available], 10, 64); err != nil {
			src.failAt(l, cells[available], "available blocks must be a number")
		}
	}
	if rows != 1 && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "%s where one file system is expected", printable.Count(rows, "row"))
	}
	if err := src.err(); err != nil {
		return 0, err
	}
	return kilobytes, nil
}
