package lustre

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// HostID is the host id in the content of /etc/hostid, as the program hostid prints it: 8 hexadecimal digits of 4 bytes
// in the order of x86 (lustre:636).
func HostID(content []byte) (string, error) {
	if len(content) != 4 {
		return "", fmt.Errorf("/etc/hostid has %d bytes, and should have 4", len(content))
	}
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(content)), nil
}

// CheckHostID makes sure that the host id is the persistent one: that /etc/hostid has what hostid prints. ZFS tells by
// it which server has a pool.
func CheckHostID(content []byte, printed string) error {
	stored, err := HostID(content)
	if err != nil {
		return err
	}
	printed = strings.TrimSpace(printed)
	switch {
	case printed != stored:
		return fmt.Errorf("hostid prints %q, and /etc/hostid has %s: the host id is not the persistent one", printed, stored)
	case stored == "00000000":
		return fmt.Errorf("the host id is %s, which is none", stored)
	}
	return nil
}
