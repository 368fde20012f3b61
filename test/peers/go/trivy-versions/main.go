// Command trivy-versions reads versions and constraints with the libraries that trivy compares versions with, called as
// trivy calls them, so that our grammars can be compared with them.
//
//	trivy-versions GRAMMAR
//
// GRAMMAR is bitnami, gem, generic, maven, npm or pep440. Each line of stdin is a JSON list: an installed version, then
// constraints. Each gives a line: "v" if the installed version can be parsed, else "-"; then for each constraint "1" if
// it takes the version in, "0" if not, "p" if only the constraint can be parsed, "e" if it cannot.
//
// GRAMMAR may also be apk, deb or rpm, of operating systems, which have no constraints: what follows the installed
// version are versions too, and each gives "<", "=" or ">", what the installed one is to it, or "p" or "e".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"

	gem "github.com/aquasecurity/go-gem-version"
	npm "github.com/aquasecurity/go-npm-version/pkg"
	pep440 "github.com/aquasecurity/go-pep440-version"
	generic "github.com/aquasecurity/go-version/pkg/version"
	bitnami "github.com/bitnami/go-version/pkg/version"
	apk "github.com/knqyf263/go-apk-version"
	deb "github.com/knqyf263/go-deb-version"
	rpm "github.com/knqyf263/go-rpm-version"
	maven "github.com/masahiro331/go-mvn-version"
)

// A library parses versions of type V and constraints of type C.
type library[V any, C interface{ Check(V) bool }] struct {
	version    func(string) (V, error)
	constraint func(string) (C, error)
}

type reader func(texts []string) []byte

var readers = map[string]reader{
	"bitnami": library[bitnami.Version, bitnami.Constraints]{bitnami.Parse, func(text string) (bitnami.Constraints, error) {
		return bitnami.NewConstraints(text)
	}}.read,
	"gem":     library[gem.Version, gem.Constraints]{gem.NewVersion, gem.NewConstraints}.read,
	"generic": library[generic.Version, generic.Constraints]{generic.Parse, generic.NewConstraints}.read,
	"maven":   library[maven.Version, maven.Comparer]{maven.NewVersion, maven.NewComparer}.read,
	"npm": library[npm.Version, npm.Constraints]{npm.NewVersion, func(text string) (npm.Constraints, error) {
		return npm.NewConstraints(text, npm.WithPreRelease(true))
	}}.read,
	"pep440": library[pep440.Version, pep440.Specifiers]{pep440.Parse, func(text string) (pep440.Specifiers, error) {
		return pep440.NewSpecifiers(text, pep440.WithPreRelease(true))
	}}.read,
}

// An order parses versions of type V and compares them.
type order[V any] struct {
	version func(string) (V, error)
	compare func(a, b V) int
}

var orders = map[string]reader{
	"apk": order[apk.Version]{apk.NewVersion, apk.Version.Compare}.read,
	"deb": order[deb.Version]{deb.NewVersion, func(a, b deb.Version) int { return a.Compare(b) }}.read,
	"rpm": order[rpm.Version]{func(text string) (rpm.Version, error) { return rpm.NewVersion(text), nil }, rpm.Version.Compare}.read,
}

func (o order[V]) read(texts []string) []byte {
	version, err := o.version(texts[0])
	isVersion := err == nil
	found := []byte{mark(isVersion, 'v', '-')}
	for _, text := range texts[1:] {
		other, err := o.version(text)
		switch {
		case err != nil:
			found = append(found, 'e')
		case !isVersion:
			found = append(found, 'p')
		default:
			found = append(found, sign(o.compare(version, other)))
		}
	}
	return found
}

func sign(order int) byte {
	switch {
	case order < 0:
		return '<'
	case order > 0:
		return '>'
	}
	return '='
}

func (l library[V, C]) read(texts []string) []byte {
	version, err := l.version(texts[0])
	isVersion := err == nil
	found := []byte{mark(isVersion, 'v', '-')}
	for _, text := range texts[1:] {
		constraint, err := l.constraint(text)
		switch {
		case err != nil:
			found = append(found, 'e')
		case !isVersion:
			found = append(found, 'p')
		default:
			found = append(found, mark(constraint.Check(version), '1', '0'))
		}
	}
	return found
}

func mark(is bool, yes, no byte) byte {
	if is {
		return yes
	}
	return no
}

func main() {
	maps.Copy(readers, orders)
	if len(os.Args) != 2 || readers[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: trivy-versions apk|bitnami|deb|gem|generic|maven|npm|pep440|rpm")
		os.Exit(2)
	}
	if err := run(readers[os.Args[1]]); err != nil {
		fmt.Fprintln(os.Stderr, "trivy-versions:", err)
		os.Exit(1)
	}
}

func run(read reader) error {
	lines := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	for lines.Scan() {
		var texts []string
		if err := json.Unmarshal(lines.Bytes(), &texts); err != nil {
			return err
		}
		if len(texts) == 0 {
			return fmt.Errorf("a line without an installed version: %s", lines.Text())
		}
		if _, err := out.Write(append(read(texts), '\n')); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return out.Flush()
}
