package lustretest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
)

// Bundle is a simulated installer of IML, as a .tar.gz with the directory iml-VERSION.
func Bundle(version string) []byte {
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	tw := tar.NewWriter(gz)
	const program = "#!/usr/bin/python\n"
	put := func(h tar.Header, text string) {
		if err := tw.WriteHeader(&h); err != nil {
			panic("lustretest: " + err.Error())
		}
		if _, err := io.WriteString(tw, text); err != nil {
			panic("lustretest: " + err.Error())
		}
	}
	put(tar.Header{Name: "iml-" + version + "/", Typeflag: tar.TypeDir, Mode: 0o755}, "")
	put(tar.Header{Name: "iml-" + version + "/install", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(program))}, program)
	if err := tw.Close(); err != nil {
		panic("lustretest: " + err.Error())
	}
	if err := gz.Close(); err != nil {
		panic("lustretest: " + err.Error())
	}
	return b.Bytes()
}
