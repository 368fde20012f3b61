// Command trivydb-ref builds a trivy.db from directories of OSV records with trivy-db's own code, so that
// the databases we write can be compared with what upstream's builder makes of the same records.
//
//	trivydb-ref OUT_DIR {ECOSYSTEM SOURCE_ID SOURCE_NAME SOURCE_URL OSV_DIR}...
//
// ECOSYSTEM is trivy-db's name (go, pip, npm, maven, cargo, ...). OUT_DIR gets trivy.db and metadata.json.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/ecosystem"
	"github.com/aquasecurity/trivy-db/pkg/types"
	"github.com/aquasecurity/trivy-db/pkg/vulndb"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/osv"
)

const (
	usage          = "usage: trivydb-ref OUT_DIR {ECOSYSTEM SOURCE_ID SOURCE_NAME SOURCE_URL OSV_DIR}..."
	updateInterval = 24 * time.Hour
	fields         = 5
)

func main() {
	args := os.Args[1:]
	if len(args) < 1+fields || (len(args)-1)%fields != 0 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	if err := build(args[0], args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "trivydb-ref:", err)
		os.Exit(1)
	}
}

func build(outDir string, args []string) (err error) {
	if err := db.Init(outDir); err != nil {
		return fmt.Errorf("open a database in %s: %w", outDir, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	for ; len(args) > 0; args = args[fields:] {
		if err := insert(outDir, args[:fields]); err != nil {
			return err
		}
	}
	// Without targets Build inserts nothing more: it joins the details and drops the buckets only the build needs.
	return vulndb.New("", outDir, updateInterval).Build(nil)
}

func insert(outDir string, source []string) error {
	id := types.SourceID(source[1])
	dir, err := filepath.Abs(source[4])
	if err != nil {
		return err
	}
	// trivy-db's walk passes over a directory that does not exist without a word.
	if _, err := os.ReadDir(dir); err != nil {
		return err
	}
	reader := osv.New(dir, id, map[ecosystem.Type]types.DataSource{
		ecosystem.Type(source[0]): {ID: id, Name: source[2], URL: source[3]},
	})
	sources := vulndb.WithVulnSrcs(map[types.SourceID]vulnsrc.VulnSrc{id: reader})
	return vulndb.New("", outDir, updateInterval, sources).Insert([]string{string(id)})
}
