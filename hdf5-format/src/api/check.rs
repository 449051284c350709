//! Checking whole files.

use super::File;
use crate::check::{self, CheckOptions, Report};
use crate::edit::Editor;
use crate::sync::Mutex;

impl File {
    /// Walks every structure of the file: what breaks the rules of the format, and which bytes are used by what.
    ///
    /// What is damaged ends up in the report; nothing is repaired.
    ///
    /// ```no_run
    /// # fn main() -> hdf5_format::Result<()> {
    /// use hdf5_format::{File, check::CheckOptions};
    /// let report = File::open("data.h5")?.check(CheckOptions::new().data(true));
    /// for finding in report.damage() {
    ///     println!("{finding}; {}", finding.code.advice());
    /// }
    /// println!("{} of {} bytes are in use", report.used, report.size);
    /// # Ok(()) }
    /// ```
    pub fn check(&self, options: CheckOptions) -> Report {
        // No change of a file opened for writing may come between.
        let mut unchanged = self.core.changer::<Mutex<Editor>>().map(Mutex::lock);
        if let Some(editor) = unchanged.as_mut().filter(|editor| editor.check_sound().is_ok()) {
            // What can not be written is found as damage.
            let _ = editor.settle();
        }
        check::run(&self.core, options)
    }
}
