mod defaults;
mod demands;
mod structural;
