package pacemaker

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	plainTime = regexp.MustCompile(`^\s*(\d+)\s*([A-Za-z]*)\s*$`)
	isoTime   = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$`)
)

// sameTime is one spelling for equal times: "60", "60s" and "PT1M" are all "60000ms". What is no time stays as it is.
func sameTime(s string) string {
	if m := plainTime.FindStringSubmatch(s); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 40)
		factor := map[string]int64{
			"": 1000, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "hr": 3_600_000, "d": 86_400_000, "ms": 1, "msec": 1,
		}[strings.ToLower(m[2])]
		if err == nil && factor > 0 {
			return strconv.FormatInt(n*factor, 10) + "ms"
		}
	}
	if m := isoTime.FindStringSubmatch(s); m != nil && len(s) > 2 {
		var total int64
		for i, seconds := range []int64{86_400, 3_600, 60, 1} {
			n, err := strconv.ParseInt("0"+m[i+1], 10, 32)
			if err != nil {
				return s
			}
			total += n * seconds
		}
		return strconv.FormatInt(total*1000, 10) + "ms"
	}
	return s
}

// isTime says whether a value of this name is a time.
func isTime(name string) bool {
	switch name {
	case "interval", "timeout":
		return true
	}
	return strings.HasSuffix(name, "-timeout") || strings.HasSuffix(name, "-delay")
}
