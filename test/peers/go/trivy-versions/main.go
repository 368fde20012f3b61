// Command trivy-versions reads versions and constraints with the libraries that trivy compares versions with, called as
// trivy calls them, so that our grammars can be compared with them.
//
//	trivy-versions GRAMMAR
//
// GRAMMAR is bitnami, gem, generic, maven, npm or pep440. Each line of stdin is a JSON list: an installed version, then
// constraints. Each gives a line: "v" if the installed version can be parsed, else "-"; then for each constraint "1" if
// it takes the version in, "0" if not, "p" if only the constraint can be parsed, "e" if it cannot.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	gem "github.com/aquasecurity/go-gem-version"
	npm "github.com/aquasecurity/go-npm-version/pkg"
	pep440 "github.com/aquasecurity/go-pep440-version"
	generic "github.com/aquasecurity/go-version/pkg/version"
	bitnami "github.com/bitnami/go-version/pkg/version"
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
	if len(os.Args) != 2 || readers[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: trivy-versions bitnami|gem|generic|maven|npm|pep440")
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
