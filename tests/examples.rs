//! The dialplans that are shipped as manuals: each is well, keeps its own promises and those of the guard.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::fs;
use std::path::Path;

use qaynar::dialplan::{expect, load, safety};
use qaynar::store::plans;
use qaynar::time::Wall;

#[test]
fn each_example_is_well_and_safe_and_the_shipped_folder_does_not_load_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    let (catalogue, _, _) = plans::sounds(&folder);
    let guard = fs::read_to_string(folder.join("safety.toml")).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let files = [
            (path.display().to_string(), text.clone()),
            ("safety.toml".into(), guard.clone()),
        ];
        let plan = load(&files, &catalogue).unwrap();
        assert_eq!(plan.remarks, [], "{}", path.display());
        assert!(
            expect::run(&plan).unwrap() > 0,
            "each carries its own tests"
        );
        assert_eq!(
            safety::check(&plan, &catalogue.lengths, Wall(1_795_200_000_000_000)),
            []
        );
        assert!(text.starts_with("#:schema ../dialplan.schema.json\n"));
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(names, ["call-centre.toml", "minimal.toml"]);
    let shipped = plans::read(&folder).unwrap();
    assert_eq!(shipped.len(), 2, "helpline.toml and safety.toml");
}
