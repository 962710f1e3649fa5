package cps

import (
	"io"
	"regexp"
	"strconv"
	"time"
)

// CarbonPath is where the pcrfclients keep Grafana's data, the whisper files (cps:558).
const CarbonPath = "/var/lib/carbon/whisper"

// The guide's measure of the copying: so many kilobytes of 1024 bytes take so long, depending on the network (cps:558).
const (
	carbonKB    = 55 << 20
	carbonLeast = 15 * time.Hour
	carbonMost  = 20 * time.Hour
)

// CarbonSync estimates how long a migration copies the whisper files from one pcrfclient to the other, from their size in
// kilobytes of 1024 bytes: 55 GB take 15 to 20 hours (cps:558). A size below 0 counts as 0.
func CarbonSync(kilobytes int64) (least, most time.Duration) {
	share := float64(max(kilobytes, 0)) / carbonKB
	return time.Duration(share * float64(carbonLeast)), time.Duration(share * float64(carbonMost))
}

// CarbonWithin is the size in kilobytes of 1024 bytes that is copied in a time even over a slow network; see CarbonSync.
func CarbonWithin(limit time.Duration) (kilobytes int64) {
	return int64(float64(limit) / float64(carbonMost) * carbonKB)
}

var usageForm = regexp.MustCompile(`^(\d{1,15})\s+(/\S*)$`)

// ParseDiskUsage reads the output of "du -sk PATH" for one path and gives its kilobytes of 1024 bytes.
func ParseDiskUsage(r io.Reader) (kilobytes int64, err error) {
	src, err := readSource(r, "du -sk")
	if err != nil {
		return 0, err
	}
	found := false
	for _, l := range src.clean() {
		if l.text == "" {
			continue
		}
		m := usageForm.FindStringSubmatch(l.text)
		switch {
		case m == nil:
			src.failf(l.no, 1, l.text, "expected KILOBYTES PATH")
		case found:
			src.failf(l.no, 1, l.text, "more than one path")
		default:
			found = true
			kilobytes, _ = strconv.ParseInt(m[1], 10, 64) // at most 15 digits
		}
	}
	if !found && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "no line of du -sk: KILOBYTES PATH")
	}
	return kilobytes, src.err()
}
