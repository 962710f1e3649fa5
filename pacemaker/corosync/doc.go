// Package corosync reads corosync.conf, says what is wrong with it, edits it in place, and plans its move to knet.
//
// [Parse] keeps every byte: comments, blanks and keys that this package does not know. [Conf.Totem], [Conf.NodeList],
// [Conf.Quorum], [Conf.Logging] and [Conf.Services] are views of it, [Conf.Problems] what corosync would not take,
// [Conf.Releases] the releases that understand it, and [Conf.PlanKnet] the file for corosync 3. [ParseRings] reads what
// corosync-cfgtool prints. Formats: corosync.conf(5), corosync-cfgtool(8).
package corosync

import "github.com/evenkeel-ha/evenkeel/internal/srcerr"

// ParseError is one mistake in an input, with its file, line and column. Where an input has several mistakes, errors.As
// finds the first of them.
type ParseError = srcerr.Error
