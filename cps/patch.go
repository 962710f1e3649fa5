package cps

import (
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// PatchUndo is what "patch -u" prints (cps:2270-2274).
type PatchUndo struct {
	Steps []string // the lines of progress
	Done  bool     // "patch undone successfully"
	// RepositoriesRenamed: the log says "remove /etc/broadhop/repositories", but the file is kept as repositories.back (cps:2261).
	RepositoriesRenamed bool
	other               findings
}

// undoForm is a line of progress as the guide shows them.
var undoForm = regexp.MustCompile(`^(?:undo the patches|copy \S+ from /.* to /\S+|remove /\S+|patch undone successfully.*)$`)

// RepositoriesPath is the file that "patch -u" renames to RepositoriesBackup.
const (
	RepositoriesPath   = "/etc/broadhop/repositories"
	RepositoriesBackup = "/etc/broadhop/repositories.back"
)

// ParsePatchUndo reads the output of "patch -u". An output that does not begin with "undo the patches" is an error; one that ends
// early is not Done.
func ParsePatchUndo(r io.Reader) (*PatchUndo, error) {
	src, err := readSource(r, "patch -u")
	if err != nil {
		return nil, err
	}
	u := &PatchUndo{other: findings{file: src.name}}
	for _, l := range src.clean() {
		text := strings.TrimSpace(l.text)
		switch {
		case text == "":
		case len(u.Steps) == 0 && text != "undo the patches":
			src.failf(l.no, 1, text, "expected undo the patches")
			return nil, src.err()
		default:
			u.Steps = append(u.Steps, text)
			if !undoForm.MatchString(text) {
				u.other.add(Error, l.no, "CPS-138", "not understood, so that the patch may be undone in part: %s", srcerr.Shown(text))
			}
			u.Done = u.Done || strings.HasPrefix(text, "patch undone successfully")
			u.RepositoriesRenamed = u.RepositoriesRenamed || text == "remove "+RepositoriesPath
		}
	}
	if len(u.Steps) == 0 {
		src.failf(src.end(), 0, "", "no output of patch -u")
		return nil, src.err()
	}
	return u, nil
}

// Findings reports the lines that are not understood, such as the message of a program that failed, and an output that
// does not say that the patch is undone.
func (u *PatchUndo) Findings() []Finding {
	f := findings{file: u.other.file, list: slices.Clone(u.other.list)}
	if !u.Done {
		f.add(Error, 0, "CPS-138", "it does not say that the patch is undone")
	}
	return f.list
}

// PatchList is what "patch -l" prints. The guide does not show its form, so the lines are kept beside the names found in them.
type PatchList struct {
	File  string   // the name errors and findings give
	Names []string // such as Patch_1_11.9.9 or CPS701_1234
	Lines []string
	at    []int // the numbers of Lines
}

// ParsePatchList reads the output of "patch -l". Every output is accepted, an empty one too: no line means no patch, a line without a
// known name must be looked at.
func ParsePatchList(r io.Reader) (*PatchList, error) {
	src, err := readSource(r, "patch -l")
	if err != nil {
		return nil, err
	}
	p := &PatchList{File: src.name}
	for _, l := range src.clean() {
		if text := strings.TrimSpace(l.text); text != "" && !isRule(text) {
			p.Lines, p.at = append(p.Lines, text), append(p.at, l.no)
		}
	}
	p.Names = patchNames(p.Lines)
	return p, nil
}

// Findings reports each patch, and the lines that neither name one nor say that there is none.
func (p *PatchList) Findings() []Finding {
	f := findings{file: p.File}
	f.patches(p.Lines, p.at)
	return f.list
}

// Repositories is /etc/broadhop/repositories: one URL a line, of custom plug-ins and of patches (cps:2287-2293).
type Repositories struct {
	textFile
}

// ParseRepositories reads the file. A line that is no file, http or https URL is an error; comments and blank lines are kept.
func ParseRepositories(r io.Reader) (*Repositories, error) {
	src, err := readSource(r, RepositoriesPath)
	if err != nil {
		return nil, err
	}
	for _, l := range src.lines {
		text := strings.TrimSpace(l.text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Path == "" || u.Scheme != "file" && u.Scheme != "http" && u.Scheme != "https" {
			src.failAt(l, text, "not the URL of a repository, such as file:///var/qps/.tmp/plugin1")
		}
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return &Repositories{src.text()}, nil
}

// URLs lists the repositories.
func (r *Repositories) URLs() []string {
	var urls []string
	for _, l := range r.lines {
		if text := strings.TrimSpace(l.text); text != "" && !strings.HasPrefix(text, "#") {
			urls = append(urls, text)
		}
	}
	return urls
}

// WithoutPatches is the file without its patch lines, the plug-ins left as they are: what must be in place before an upgrade where
// "patch -u" took the file away (cps:2287-2293). A patch is told by the word in the last element of its URL; removed lists the lines.
func (r *Repositories) WithoutPatches() (kept *Repositories, removed []string) {
	kept = &Repositories{textFile{bom: r.bom}}
	for _, l := range r.lines {
		text := strings.TrimSpace(l.text)
		last := strings.ToLower(text[strings.LastIndex(text, "/")+1:])
		if !strings.HasPrefix(text, "#") && strings.Contains(last, "patch") {
			removed = append(removed, text)
			continue
		}
		kept.lines = append(kept.lines, l)
	}
	return kept, removed
}

// String is the file's text.
func (r *Repositories) String() string {
	var b strings.Builder
	if _, err := r.WriteTo(&b); err != nil {
		return fmt.Sprintf("cannot print: %v", err) // a strings.Builder never fails
	}
	return b.String()
}
