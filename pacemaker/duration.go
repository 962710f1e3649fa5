package pacemaker

import (
	"regexp"
	"strconv"
	"strings"
)

// isoTime is a duration of ISO 8601. Pacemaker takes hours and seconds without the T as well.
var isoTime = regexp.MustCompile(`^P(?:\d+Y)?(?:\d+M)?(?:(\d+)W)?(?:(\d+)D)?(?:T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$`)

// calendarTime are years and months, which are not always equally long.
var calendarTime = regexp.MustCompile(`^P\d+[YM]`)

// calendarDate is how a date of ISO 8601 begins that Pacemaker reads, by calendar, week or day of the year, or "epoch".
var calendarDate = regexp.MustCompile(`^\s*(?:epoch$|\d{4}-?(?:\d\d(?:-?\d\d?)?|W\d\d-?\d|\d{3})|T?\d\d:\d\d)`)

// timeUnit is a unit of Pacemaker's in milliseconds, 0 when it is none.
func timeUnit(unit string) int64 {
	switch strings.ToLower(unit) {
	case "", "s", "sec":
		return 1000
	case "m", "min":
		return 60_000
	case "h", "hr":
		return 3_600_000
	case "d":
		return 86_400_000
	case "ms", "msec":
		return 1
	}
	return 0
}

// Milliseconds reads a time as Pacemaker does: "60", "60s", "1min" or "PT1M".
//
// Upstream: https://clusterlabs.org/projects/pacemaker/doc/2.1/Pacemaker_Explained/html/options.html
func Milliseconds(s string) (int64, bool) {
	s = strings.Trim(s, xmlSpaces)
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits > 0 {
		n, err := strconv.ParseInt(s[:digits], 10, 40)
		factor := timeUnit(strings.Trim(s[digits:], xmlSpaces))
		return n * factor, err == nil && factor > 0
	}
	m := isoTime.FindStringSubmatch(s)
	if m == nil || len(s) <= 2 || calendarTime.MatchString(s) {
		return 0, false
	}
	var total int64
	for i, seconds := range []int64{604_800, 86_400, 3_600, 60, 1} {
		n, err := strconv.ParseInt("0"+m[i+1], 10, 32)
		if err != nil {
			return 0, false
		}
		total += n * seconds
	}
	return total * 1000, true
}

// SameTime is one spelling for equal times: "60", "60s" and "PT1M" are all "60000ms". What is no time stays as it is.
func SameTime(s string) string {
	if ms, ok := Milliseconds(s); ok {
		return strconv.FormatInt(ms, 10) + "ms"
	}
	return s
}

// spokenTime is a time as a person says it: 60s for 60, 60s and PT1M, 500ms.
func spokenTime(s string) string {
	ms, ok := Milliseconds(s)
	switch {
	case !ok:
		return s
	case ms%1000 == 0:
		return strconv.FormatInt(ms/1000, 10) + "s"
	}
	return strconv.FormatInt(ms, 10) + "ms"
}

// isTime says whether a value of this name is a time.
func isTime(name string) bool {
	switch name {
	case "interval", "timeout":
		return true
	}
	return strings.HasSuffix(name, "-timeout") || strings.HasSuffix(name, "-delay")
}
