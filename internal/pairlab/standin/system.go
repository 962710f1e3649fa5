package standin

import (
	"bufio"
	"crypto/rand"
	"slices"
	"strings"
)

// runNtpd sets no clock: the nodes have the machine's. As a service it only waits, which the lab's own unit does.
func runNtpd(c *call) int {
	if !slices.Contains(c.args, "-q") && !slices.Contains(c.args, "-qg") {
		return c.fail(1, "ntpd: the stand-in sets the clock once (-q) only")
	}
	if c.read("/etc/ntp.conf") == "" {
		return c.fail(1, "ntpd: /etc/ntp.conf: no servers found")
	}
	c.printf("ntpd: time set +0.012345s\n")
	return 0
}

// runGenhostid makes a persistent host id; the hostid of the node, which is the real one, prints it.
func runGenhostid(c *call) int {
	id := make([]byte, 4)
	_, _ = rand.Read(id) // never fails
	id[0] |= 1           // an id of nothing but zeros is none
	if err := c.write("/etc/hostid", string(id)); err != nil {
		return c.fail(1, "genhostid: %v", err)
	}
	return 0
}

// runPasswd takes the password from standard input, as the new release's does with --stdin; everything else is for the
// passwd that the node has.
func runPasswd(c *call) int {
	if !slices.Contains(c.args, "--stdin") {
		return c.exec(c.stdin, c.stdout, c.stderr, append([]string{"/usr/bin/passwd"}, c.args...)...)
	}
	names := slices.DeleteFunc(slices.Clone(c.args), func(a string) bool { return a == "--stdin" })
	if len(names) != 1 {
		return c.fail(1, "passwd: Only one user name may be specified.")
	}
	user := names[0]
	if !strings.Contains("\n"+c.read("/etc/passwd"), "\n"+user+":") {
		return c.fail(1, "passwd: Unknown user name '%s'.", user)
	}
	password, err := bufio.NewReader(c.stdin).ReadString('\n')
	password = strings.TrimSuffix(password, "\n")
	if password == "" {
		return c.fail(1, "passwd: Authentication token manipulation error (%v)", err)
	}
	if c.exec(strings.NewReader(user+":"+password+"\n"), c.stdout, c.stderr, "/usr/sbin/chpasswd") != 0 {
		return c.fail(1, "passwd: Authentication token manipulation error")
	}
	c.printf("Changing password for user %s.\npasswd: all authentication tokens updated successfully.\n", user)
	return 0
}

// runDf is "df -t lustre", in any order of its letters; everything else is for the df that the node has, which knows
// the kernel's mounts only. The sizes are made up.
func runDf(c *call) int {
	lustre := false
	for i, a := range c.args {
		short := strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--")
		lustre = lustre || short && strings.HasSuffix(a, "t") && i+1 < len(c.args) && c.args[i+1] == "lustre" ||
			a == "-tlustre" || a == "--type=lustre"
	}
	if !lustre {
		return c.exec(c.stdin, c.stdout, c.stderr, append([]string{"/usr/bin/df"}, c.args...)...)
	}
	mounts := lustreMounts(c.read(mountsFile))
	if len(mounts) == 0 {
		return c.fail(1, "df: no file systems processed")
	}
	c.printf("%-52s %5s %5s %5s %4s %s\n", "Filesystem", "Size", "Used", "Avail", "Use%", "Mounted on")
	for _, m := range mounts {
		c.printf("%-52s %5s %5s %5s %4s %s\n", m[0], "9.8G", "1.2G", "8.0G", "13%", m[1])
	}
	return 0
}
