package main

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// static tells that a program needs no other file of the machine to run.
func static(program []byte) bool {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC })
}

// documents writes what the binaries say of themselves: man pages, completions and the schema of the configuration.
func (j *job) documents() error {
	for _, name := range names() {
		dir := filepath.Join(j.stage, "of", name)
		pages := filepath.Join(dir, "man1")
		if err := run(nil, os.Stderr, j.native(name), "man", pages); err != nil {
			return err
		}
		if err := compressed(pages); err != nil {
			return err
		}
		for file, argv := range map[string][]string{
			"completion.bash": {"completion", "bash"},
			"completion.zsh":  {"completion", "zsh"},
			"completion.fish": {"completion", "fish"},
			"schema.json":     {"config", "schema"},
		} {
			text, err := output(append([]string{j.native(name)}, argv...)...)
			switch {
			case err != nil:
				return err
			case text == "":
				return fmt.Errorf("%s %s prints nothing", name, strings.Join(argv, " "))
			case filepath.Ext(file) == ".json" && !json.Valid([]byte(text)):
				return fmt.Errorf("%s %s prints no JSON", name, strings.Join(argv, " "))
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text+"\n"), 0o644); err != nil { //nolint:gosec // for everybody
				return err
			}
		}
	}
	return nil
}

// compressed compresses every file of a directory, as manuals are installed.
func compressed(dir string) error {
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) == 0 {
		return errors.Join(err, fmt.Errorf("%s has no man page", dir))
	}
	for _, page := range pages {
		raw, err := os.ReadFile(page) // #nosec G304 -- of ours
		if err != nil {
			return err
		}
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression) // its header has no time and no name
		if err != nil {
			return err
		}
		_, err1 := z.Write(raw)
		err = errors.Join(err1, z.Close(), os.WriteFile(page+".gz", b.Bytes(), 0o644), os.Remove(page)) //nolint:gosec // for everybody
		if err != nil {
			return err
		}
	}
	return nil
}

// licences collects the licence of every module that a binary has linked, and of Go: a binary is distributed with them.
func (j *job) licences() error {
	goroot, err := output("go", "env", "GOROOT")
	if err != nil {
		return err
	}
	for _, name := range names() {
		list, err := output("go", "list", "-deps", "-f",
			"{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "./examples/"+name)
		if err != nil {
			return err
		}
		modules := strings.Split(list, "\n")
		slices.Sort(modules)
		var text strings.Builder
		for _, m := range append(slices.Compact(modules), "Go\t"+goroot) {
			module, dir, ok := strings.Cut(m, "\t")
			if !ok {
				continue // a package of this module, or of Go
			}
			found, err := filepath.Glob(filepath.Join(dir, "[LNC][IOO][CTP]*")) // LICENSE, LICENCE, NOTICE, COPYING
			if err != nil || len(found) == 0 {
				return errors.Join(err, fmt.Errorf("%s has no licence in %s", module, dir))
			}
			for _, file := range found {
				raw, err := os.ReadFile(file) // #nosec G304 -- of the module cache
				if err != nil {
					return err
				}
				fmt.Fprintf(&text, "==== %s: %s ====\n\n%s\n\n", module, filepath.Base(file), bytes.TrimSpace(raw))
			}
		}
		dir := filepath.Join(j.stage, "of", name)
		if err := os.WriteFile(filepath.Join(dir, "licences.txt"), []byte(text.String()), 0o644); err != nil { //nolint:gosec // for everybody
			return err
		}
	}
	return nil
}

// packages makes a .deb and an .rpm of each binary for each architecture; nfpm.yaml says what is in them.
func (j *job) packages() error {
	for _, arch := range architectures {
		for _, name := range names() {
			env := []string{
				"NAME=" + name, "SUMMARY=" + summaries[name], "ARCH=" + arch, "VERSION=" + j.version, "PRERELEASE=" + j.pre,
				"BINARY=" + j.built(arch, name), "OF=" + filepath.Join(j.stage, "of", name), "SOURCE_DATE_EPOCH=" + j.date,
			}
			for _, format := range []string{"deb", "rpm"} {
				err := run(env, os.Stderr, "go", "run", nfpm, "package", "--config", "internal/release/nfpm.yaml", "--packager", format,
					"--target", j.published(name, arch, "."+format))
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}
