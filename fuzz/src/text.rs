//! Text that programs take from people: selections and datatypes.

use hdf5_format::{CreateOptions, Dataset, Datatype, Select, io::MemoryFile};
use std::sync::LazyLock;

/// What selections are put to.
static DATASETS: LazyLock<Vec<Dataset>> = LazyLock::new(|| {
    let file = CreateOptions::new().create_in(MemoryFile::new([])).expect("a file");
    let root = file.root().expect("a group");
    let dataset = |shape: &[u64]| {
        let name = format!("{}", shape.len());
        root.new_dataset_of::<u8>().shape(shape).create(name).expect("a dataset")
    };
    [&[][..], &[13], &[7, 5], &[4, 3, 5]].map(dataset).into()
});

/// Longer text only says the same more often.
const LONGEST: usize = 256;

/// Whatever is understood prints as text that means the same; selections select or refuse.
pub fn text(data: &[u8]) {
    let Some(text) = std::str::from_utf8(data).ok().filter(|t| t.len() <= LONGEST) else { return };
    if let Ok(select) = text.parse::<Select>() {
        let shown = select.to_string();
        assert!(shown.parse::<Select>().is_ok_and(|again| again == select), "{shown}");
        for dataset in &*DATASETS {
            let Ok(shape) = dataset.selected_shape(&select) else { continue };
            let count: u64 = shape.iter().product();
            let (bytes, _) = dataset.read_raw(&select).expect("what has a shape is read");
            assert_eq!(bytes.len() as u64, count, "{shown}");
        }
    }
    if let Ok(datatype) = text.parse::<Datatype>() {
        let shown = datatype.to_string();
        let again = shown.parse::<Datatype>().unwrap_or_else(|e| panic!("{shown}: {e}"));
        assert!(again.is_same(&datatype), "{shown}");
    }
}
