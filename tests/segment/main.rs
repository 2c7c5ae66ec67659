//! How many SMS a text becomes: beside a table that was typed from the standard, and beside a naive twin.

mod limits;
mod table;
mod twin;
