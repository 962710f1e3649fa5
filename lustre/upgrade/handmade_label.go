package upgrade

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/lustre"
)

// labelOf is what Lustre calls a target, by the names that people gave to its resource, its storage and its mount point:
// one of them is the label, or one is that of the MGS as people write it (mgs, MGT). Empty where none tells.
func labelOf(names ...string) string {
	for _, name := range names {
		if _, err := lustre.ParseLabel(name); err == nil {
			return name
		}
	}
	isMGS := func(name string) bool { return strings.EqualFold(name, "MGS") || strings.EqualFold(name, "MGT") }
	if slices.ContainsFunc(names, isMGS) {
		return "MGS"
	}
	return ""
}
