//go:build !linux

package cli

// quiet does nothing: what is typed is shown.
func quiet() (loud func()) { return func() {} }
