package steps

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// UnknownCache tells a member of the session cache that is in the state UNKNOWN (cps:1796-1808).
func UnknownCache(setType string, member cps.TableMember) bool {
	return setType == "SESSION" && member.State == cps.StateUnknown
}

// UnknownCacheAdvice is what to do about it. After a power loss that hit both halves their releases of MongoDB may differ,
// and then nothing but one release everywhere brings the session cache back: no repair of a member does.
func UnknownCacheAdvice(title string, member cps.TableMember) string {
	return fmt.Sprintf("%s is UNKNOWN in %s: look at its connection with the other members first (cps:1880). Where power was lost and the "+
		"releases of MongoDB differ between the halves, the session cache does not recover by itself: finish the upgrade, or roll it back "+
		"(cps:1794-1808)", member.Host, title)
}
