package pairfiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// DiffCommand is "diff A B": what two CIBs, or two backups, mean differently.
func DiffCommand(a *cli.App) *cobra.Command {
	format := ""
	c := a.Command(&cobra.Command{
		Use: "diff OLD NEW", Short: "Say how two CIBs or two backups differ", GroupID: cli.GroupLook, Args: cobra.ExactArgs(2),
		Long: `Say in words how two CIBs differ in their meaning, or two backups of servers: the cluster configuration by its meaning, and
the other files by what happened to them. No content of a file and no secret is shown. Exit status 1 tells that they differ,
2 that a file cannot be read.`,
		Example: "  TOOL diff before.xml after.xml\n  TOOL diff --output json before.xml after.xml\n" +
			"  TOOL diff bck-mds1-20260101-220000.tgz bck-mds1-20260201-220000.tgz",
	}, func(_ context.Context, args []string) (int, error) { return diff(a, args[0], args[1], format) })
	cli.OutputFlag(c, &format, "text", "json", "yaml")
	cli.JSONFlag(c.Flags())
	return c
}

func diff(a *cli.App, old, new, format string) (int, error) {
	list, err := differing(old, new)
	if err != nil {
		return cli.ExitInput, err
	}
	if code, err := a.Answer(format, append([]string{}, list...), func() string { return asLines(list) }); err != nil || len(list) == 0 {
		return code, err
	}
	return cli.ExitFailed, nil
}

// asLines are the differences, a line each.
func asLines(list []string) string {
	if len(list) == 0 {
		return "no difference\n"
	}
	var b strings.Builder
	for _, d := range list {
		b.WriteString(printable.Line(d) + "\n")
	}
	return b.String()
}

// differing are the differences of two files of the same kind.
func differing(old, new string) ([]string, error) {
	packed1, err1 := compressed(old)
	packed2, err2 := compressed(new)
	switch err := errors.Join(err1, err2); {
	case err != nil:
		return nil, err
	case packed1 != packed2:
		return nil, fmt.Errorf("%s and %s are not of one kind: give two CIBs, or two backups", old, new)
	case packed1:
		return backupsDiffer(old, new)
	}
	was, err1 := cibIn(old)
	is, err2 := cibIn(new)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return cibsDiffer(was, is), nil
}

func cibIn(name string) (*pacemaker.CIB, error) {
	raw, err := infile.Read(name, infile.Text)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("<")) { // nothing of it is quoted: it may be a secret
		return nil, infile.Why(name, fmt.Errorf("%s: this is not a CIB: XML is needed, as cibadmin --query prints it. Nothing of it is shown, "+
			"since it may hold a secret", name))
	}
	return pacemaker.ParseCIB(Reader(name, raw))
}

func cibsDiffer(was, is *pacemaker.CIB) (list []string) {
	for _, d := range pacemaker.Diff(was, is) {
		list = append(list, d.String())
	}
	return list
}

// backupsDiffer compares two backups: the cluster by its meaning, then the files.
func backupsDiffer(old, new string) ([]string, error) {
	was, err1 := backup.OpenFile(old)
	is, err2 := backup.OpenFile(new)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	var list []string
	if !was.IsOf(is.Host()) {
		list = append(list, fmt.Sprintf("the backups are of two servers, %s and %s", was.Host(), is.Host()))
	}
	var cibs []*pacemaker.CIB
	for _, a := range []*backup.Archive{was, is} {
		raw, err := a.ClusterConfig()
		if errors.Is(err, backup.ErrNoCluster) {
			cibs = append(cibs, nil)
			continue
		}
		if err != nil {
			return nil, err
		}
		cib, err := pacemaker.ParseCIB(Reader(a.Name(), raw))
		if err != nil {
			return nil, err
		}
		cibs = append(cibs, cib)
	}
	if cibs[0] != nil || cibs[1] != nil {
		list = append(list, cibsDiffer(cibs[0], cibs[1])...)
	}
	return append(list, backup.Compare(was, is)...), nil
}
