package backup_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/backup"
)

// el6 and el7 are the users and groups of a server before and after: the classic trouble of that upgrade. On EL7
// services get numbers from 999 downwards, where EL6 had people from 500 upwards.
func el6() backup.AccountFiles {
	return backup.NewAccountFiles([]byte(`root:x:0:0:root:/root:/bin/bash
bin:x:1:1:bin:/bin:/sbin/nologin
ntp:x:38:38::/etc/ntp:/sbin/nologin
postgres:x:26:26:PostgreSQL Server:/var/lib/pgsql:/bin/bash
alice:x:500:500:Alice:/home/alice:/bin/zsh
bob:x:998:501:Bob:/home/bob:/bin/bash
carol:x:502:100:Carol:/home/carol:/bin/bash
+::::::
`), []byte(`root:x:0:
bin:x:1:bin,daemon
wheel:x:10:alice
users:x:100:
ntp:x:38:
postgres:x:26:
alice:x:500:
staff:x:501:alice,bob
backupers:x:996:bob
`), []byte(`root:$6$OLDROOT:17000:0:99999:7:::
bin:*:15628:0:99999:7:::
ntp:!!:16000::::::
postgres:!!:16000::::::
alice:$6$ALICE:17000:0:99999:7:::
bob:$6$BOB:17000:0:99999:7:::
`), []byte(`root:::
bin:::bin,daemon
wheel:::alice
users:::
ntp:!::
postgres:!::
alice:!::
staff:!::alice,bob
backupers:!::bob
`))
}

func el7() backup.AccountFiles {
	return backup.NewAccountFiles([]byte(`root:x:0:0:root:/root:/bin/bash
bin:x:1:1:bin:/bin:/sbin/nologin
chrony:x:998:996::/var/lib/chrony:/sbin/nologin
ntp:x:38:38::/etc/ntp:/sbin/nologin
alice:x:1000:1000:installer:/home/alice:/bin/bash
lustre:x:26:26::/:/sbin/nologin
`), []byte(`root:x:0:
bin:x:1:
wheel:x:10:admin
chrony:x:996:
ntp:x:39:
alice:x:1000:
users:x:100:
lustre:x:26:
`), []byte(`root:$6$NEWROOT:18000:0:99999:7:::
bin:*:18000:0:99999:7:::
chrony:!!:18000::::::
ntp:!!:18000::::::
alice:$6$NEWALICE:18000:0:99999:7:::
lustre:!!:18000::::::
`), []byte(`root:::
bin:::
wheel:::admin
chrony:!::
ntp:!::
alice:!::
users:::
lustre:!::
`))
}

// BAK-011, BAK-019: users and groups are joined by rule; what has one number for two is reported and left out, never overwritten.
func TestMergeAccounts(t *testing.T) {
	m, err := backup.MergeAccounts(el6(), el7(), backup.MergeRules{})
	require.NoError(t, err)
	files := m.Contents()
	require.Equal(t, `root:x:0:0:root:/root:/bin/bash
bin:x:1:1:bin:/bin:/sbin/nologin
chrony:x:998:996::/var/lib/chrony:/sbin/nologin
ntp:x:38:38::/etc/ntp:/sbin/nologin
alice:x:500:500:Alice:/home/alice:/bin/zsh
lustre:x:26:26::/:/sbin/nologin
carol:x:502:100:Carol:/home/carol:/bin/bash
+::::::
`, string(files["/etc/passwd"]))
	require.Equal(t, `root:x:0:
bin:x:1:bin,daemon
wheel:x:10:admin,alice
chrony:x:996:
ntp:x:39:
alice:x:500:
users:x:100:
lustre:x:26:
staff:x:501:alice,bob
`, string(files["/etc/group"]))
	require.Equal(t, `root:$6$OLDROOT:17000:0:99999:7:::
bin:*:18000:0:99999:7:::
chrony:!!:18000::::::
ntp:!!:18000::::::
alice:$6$ALICE:17000:0:99999:7:::
lustre:!!:18000::::::
`, string(files["/etc/shadow"]))
	require.Equal(t, `root:::
bin:::bin,daemon
wheel:::admin,alice
chrony:!::
ntp:!::
alice:!::
users:::
lustre:!::
staff:!::alice,bob
`, string(files["/etc/gshadow"]))
	require.Equal(t, `group ntp: number 39 here, and 38 in the backup
group postgres: number 26 belongs to lustre here
group alice: number 500 as in the backup, and was 1000 here
group staff: number 501
group backupers: number 996 belongs to chrony here
user root: the password as in the backup
user ntp: a system account stays as the fresh system has it
user postgres: number 26 belongs to lustre here
user alice: as in the backup, with number 500; here it was 1000
user bob: number 998 belongs to chrony here
user carol: number 502
user carol: it has no line in shadow, and cannot log in with a password
`, m.String())
	var names []string
	for _, n := range m.Clashes() {
		names = append(names, n.Kind+" "+n.Name)
	}
	require.Equal(t, []string{"group postgres", "group backupers", "user postgres", "user bob"}, names)
}

// A clash is resolved by giving the account of the backup another number; its group and its password go with it.
func TestMergeRenumber(t *testing.T) {
	m, err := backup.MergeAccounts(el6(), el7(), backup.MergeRules{Renumber: map[string]int{"bob": 1998, "postgres": 126, "backupers": 1996}})
	require.NoError(t, err)
	require.Empty(t, m.Clashes())
	files := m.Contents()
	require.Contains(t, string(files["/etc/passwd"]), "bob:x:1998:501:Bob:/home/bob:/bin/bash\n")
	require.Contains(t, string(files["/etc/passwd"]), "postgres:x:126:126:PostgreSQL Server:/var/lib/pgsql:/bin/bash\n",
		"its group has another number, too")
	require.Contains(t, string(files["/etc/group"]), "postgres:x:126:\n")
	require.Contains(t, string(files["/etc/shadow"]), "bob:$6$BOB:17000:0:99999:7:::\n")
}

// Two people who swap numbers, one who takes a number that another gives up, and two names for one number: no clash. A
// number given twice by hand: one.
func TestMergeMovesTogether(t *testing.T) {
	files := func(passwd string) backup.AccountFiles {
		return backup.NewAccountFiles([]byte("root:x:0:0::/:/bin/sh\n"+passwd), []byte("root:x:0:\n"),
			[]byte("root:x:1::::::\n"), []byte("root:::\n"))
	}
	now := files("a:x:501:0::/:/bin/sh\nb:x:500:0::/:/bin/sh\nc:x:502:0::/:/bin/sh\n")
	old := files("a:x:500:0::/:/bin/sh\nb:x:501:0::/:/bin/sh\nc:x:503:0::/:/bin/sh\nd:x:502:0::/:/bin/sh\ntwin:x:502:0::/:/bin/sh\n")
	m, err := backup.MergeAccounts(old, now, backup.MergeRules{})
	require.NoError(t, err)
	require.Empty(t, m.Clashes())
	require.Equal(t, "root:x:0:0::/:/bin/sh\na:x:500:0::/:/bin/sh\nb:x:501:0::/:/bin/sh\nc:x:503:0::/:/bin/sh\nd:x:502:0::/:/bin/sh\ntwin:x:502:0::/:/bin/sh\n",
		string(m.Contents()["/etc/passwd"]))
	m, err = backup.MergeAccounts(files("d:x:600:0::/:/bin/sh\ne:x:601:0::/:/bin/sh\n"), now,
		backup.MergeRules{Renumber: map[string]int{"d": 700, "e": 700}})
	require.NoError(t, err)
	require.Len(t, m.Clashes(), 1)
	require.Equal(t, "user e: number 700 belongs to d here", m.Clashes()[0].String())
}

// On EL7 people begin at 1000: what has less is the system's.
func TestMergeFromEL7(t *testing.T) {
	m, err := backup.MergeAccounts(el6(), el7(), backup.MergeRules{BackupMin: 1000})
	require.NoError(t, err)
	require.Contains(t, string(m.Contents()["/etc/passwd"]), "alice:x:1000:1000:installer:", "500 is a system account's number there")
}

// No hash stands in anything that is printed.
func TestMergeShowsNoHash(t *testing.T) {
	m, err := backup.MergeAccounts(el6(), el7(), backup.MergeRules{})
	require.NoError(t, err)
	ops := backup.RestoreServer("/root/x", backup.RestoreOptions{Merged: m})
	shown := fmt.Sprint(m, *m, el6()) + fmt.Sprintf("%v %+v %#v %s %#v %+v", m, *m, *m, m, el6(), el6()) +
		fmt.Sprintf("%v %+v %#v", ops, ops, ops)
	for _, o := range ops {
		shown += o.Cmd.String()
	}
	bad := el6()
	_, err = backup.MergeAccounts(backup.NewAccountFiles([]byte("root:x:0:0:root\n"), []byte("x\n"),
		[]byte("root:$6$OLDROOT\n"), []byte("root:::\n")), bad, backup.MergeRules{})
	require.Error(t, err)
	shown += err.Error()
	for _, secret := range []string{"OLDROOT", "ALICE", "NEWROOT", "BOB"} {
		require.NotContains(t, shown, secret)
	}
}

// Mistakes have a place, all of them.
func TestMergeMistakes(t *testing.T) {
	bad := backup.NewAccountFiles([]byte("root:x:0:0:root:/root:/bin/sh\nalice:x:five:5::/:/bin/sh\nroot:x:0:0:::\n"),
		[]byte("root:x:0\n"), []byte("\n"), []byte("root:::\n:::\n"))
	_, err := backup.MergeAccounts(bad, el7(), backup.MergeRules{})
	for _, want := range []string{
		`backup:/etc/passwd:2:1: its number is none: near "alice"`, "backup:/etc/passwd:3:1: the name is there twice",
		"backup:/etc/group:1:1: the line has 3 fields, not 4",
		"backup:/etc/shadow:1:1: there is no account in it", "backup:/etc/gshadow:2:1: this is no name",
	} {
		require.ErrorContains(t, err, want)
	}
	var parse *backup.ParseError
	require.ErrorAs(t, err, &parse)
}

// BAK-011: the merged files are written by one rename each, keep owner and mode, and are not written over what has
// changed meanwhile; the guide's way is the default.
func TestMergedRestore(t *testing.T) {
	m, a := fresh(t)
	system, err := backup.ReadAccounts(t.Context(), m)
	require.NoError(t, err)
	saved, err := a.Accounts()
	require.NoError(t, err)
	merged, err := backup.MergeAccounts(saved, system, backup.MergeRules{})
	require.NoError(t, err)
	before := m.state()
	p := serverPlan(t, a, backup.RestoreOptions{Merged: merged})
	require.NoError(t, backup.Carry(t.Context(), m, p.Ops, nil))
	require.Contains(t, m.read("/etc/passwd"), "chrony:", "the fresh system's services keep their accounts")
	require.Contains(t, m.read("/etc/shadow"), "root:$6$hash")
	st, err := os.Stat(m.root + "/etc/shadow")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0), st.Mode().Perm())
	require.Equal(t, "content of /etc/sudoers\n", m.read("/etc/sudoers"))
	require.Empty(t, glob(t, m.root+"/etc", "*.merged"))
	require.NoError(t, backup.Carry(t.Context(), m, p.Ops, nil), "once more does no harm")
	require.NoError(t, backup.Carry(t.Context(), m, backup.Undo(p.Ops), nil))
	require.Equal(t, before[1:10], m.state()[1:10])

	m.write("/etc/passwd", m.read("/etc/passwd")+"new:x:77:77::/:/bin/sh\n", 0o644)
	err = backup.Carry(t.Context(), m, p.Ops, nil)
	require.ErrorContains(t, err, "is not what it was when it was merged")
	require.Contains(t, m.read("/etc/passwd"), "new:x:77")

	guide := fmt.Sprint(backup.RestoreServer("/root/x", backup.RestoreOptions{}))
	require.Contains(t, guide, "cp /root/x/etc/shadow")
}

// Whatever is merged: no name and no number twice beyond what the system had, and nobody of the system gets lost.
func TestMergeProperties(t *testing.T) {
	name := rapid.StringMatching(`[a-d]`)
	id := rapid.IntRange(498, 503)
	make4 := func(t *rapid.T) backup.AccountFiles {
		var passwd, group, shadow, gshadow strings.Builder
		passwd.WriteString("root:x:0:0::/:/bin/sh\n")
		group.WriteString("root:x:0:\n")
		shadow.WriteString("root:x:1::::::\n")
		gshadow.WriteString("root:::\n")
		ids, gids := map[int]bool{}, map[int]bool{}
		for _, n := range rapid.SliceOfNDistinct(name, 0, 4, rapid.ID).Draw(t, "names") {
			u, g := id.Draw(t, "uid"), id.Draw(t, "gid")
			if ids[u] || gids[g] {
				continue
			}
			ids[u], gids[g] = true, true
			fmt.Fprintf(&passwd, "%s:x:%d:%d::/:/bin/sh\n", n, u, g)
			fmt.Fprintf(&group, "%s:x:%d:\n", n, g)
			fmt.Fprintf(&shadow, "%s:!:1::::::\n", n)
			fmt.Fprintf(&gshadow, "%s:!::\n", n)
		}
		return backup.NewAccountFiles([]byte(passwd.String()), []byte(group.String()), []byte(shadow.String()), []byte(gshadow.String()))
	}
	rapid.Check(t, func(t *rapid.T) {
		old, now := make4(t), make4(t)
		m, err := backup.MergeAccounts(old, now, backup.MergeRules{})
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"/etc/passwd", "/etc/group"} {
			names, numbers := map[string]bool{}, map[string]bool{}
			for line := range strings.Lines(string(m.Contents()[file])) {
				f := strings.Split(line, ":")
				if names[f[0]] || numbers[f[2]] {
					t.Fatalf("%s: twice: %s\n%s", file, line, m.Contents()[file])
				}
				names[f[0]], numbers[f[2]] = true, true
			}
		}
		again, err := backup.MergeAccounts(old, m.Files(), backup.MergeRules{})
		if err != nil {
			t.Fatal(err)
		}
		if string(again.Contents()["/etc/passwd"]) != string(m.Contents()["/etc/passwd"]) {
			t.Fatal("a second merge changes something")
		}
	})
}
