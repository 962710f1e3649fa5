package simhost

// Account files as an installer leaves them.
const (
	passwd = "root:x:0:0:root:/root:/bin/bash\nsshd:x:74:74:Privilege-separated SSH:/var/empty/sshd:/sbin/nologin\n"
	group  = "root:x:0:\nsshd:x:74:\n"
	shadow = "root:$6$simulated:17000:0:99999:7:::\nsshd:!!:17000::::::\n"
)

func accounts() map[string]string {
	return map[string]string{
		"/etc/passwd": passwd, "/etc/group": group, "/etc/shadow": shadow, "/etc/gshadow": "root:::\n", "/etc/sudoers": "root ALL=(ALL) ALL\n",
		"/etc/hosts": "127.0.0.1 localhost\n", "/etc/resolv.conf": "", "/etc/nsswitch.conf": "hosts: files dns\n",
		"/etc/rsyslog.conf": "*.info /var/log/messages\n", "/etc/yum.conf": "[main]\nkeepcache=0\n",
	}
}

// EL6 is CentOS 6.8: short host names, no systemd, SELinux off.
func EL6() OS {
	os := OS{
		Release: "CentOS release 6.8 (Final)", Kernel: "2.6.32-642.el6", SELinux: "Disabled", Files: accounts(),
		Packages: map[string]string{"openssh-server": "5.3p1-117.el6"},
		Services: map[string]Unit{"crond": {true, true}, "iptables": {false, false}},
	}
	os.Files["/etc/selinux/config"] = "SELINUX=disabled\n"
	os.Files["/etc/sysconfig/network"] = "NETWORKING=yes\n"
	return os
}

// EL7 is CentOS 7.5: full host names, systemd, firewalld, SELinux enforcing, a kernel and kernel tools newer than those of a Lustre server.
func EL7() OS {
	os := OS{
		Release: "CentOS Linux release 7.5.1804 (Core)", Kernel: "3.10.0-862.14.4.el7", SELinux: "Enforcing", FQDN: true, Files: accounts(),
		Packages: map[string]string{
			"openssh-server": "7.4p1-16.el7", "firewalld": "0.4.4.4-14.el7", "kernel-tools": "3.10.0-862.14.4.el7",
			"kernel-tools-libs": "3.10.0-862.14.4.el7",
			"yum-utils":         "1.1.31-46.el7_5", "e2fsprogs": "1.42.9-12.el7_5",
		},
		Services: map[string]Unit{"crond": {true, true}, "firewalld": {true, true}},
	}
	os.Files["/etc/selinux/config"] = "SELINUX=enforcing\n"
	os.Files["/etc/sysconfig/network"] = "# Created by anaconda\n"
	os.Files["/etc/yum.repos.d/CentOS-Base.repo"] = "[base]\nname=CentOS-7 - Base\nenabled=1\n\n[updates]\nname=CentOS-7 " +
		"- Updates\nenabled=1\n\n[extras]\nname=CentOS-7 - Extras\nenabled=1\n"
	return os
}
