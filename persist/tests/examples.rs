//! The examples, each as a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "../examples/h5preserve.rs"]
mod h5preserve;
#[allow(dead_code)]
#[path = "../examples/jangada.rs"]
mod jangada;

macro_rules! examples {
    ($($module:ident::$name:ident),+ $(,)?) => { $(
        #[test]
        fn $name() {
            let name = concat!("hdf5-persist-example-", stringify!($name));
            let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            $module::$name(&folder).unwrap();
            std::fs::remove_dir_all(&folder).unwrap();
        }
    )+ };
}

examples! {
    h5preserve::experiment,
    h5preserve::locking,
    h5preserve::recursive_dumping,
    h5preserve::on_demand_mapping,
    h5preserve::delayed_container,
    jangada::save_and_load,
    jangada::slicing,
    jangada::incremental_collection,
    jangada::nested_measurements,
    jangada::batch_processing,
    jangada::custom_extension,
    jangada::compression,
}
